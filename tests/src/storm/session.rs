//! One upload session as a client lives through it: chunks, cuts, going on where the server says, the end.

use std::time::Instant;

use http::Method;

use super::{Chance, Storm};
use crate::{Blob, Repository};

/// How often one step is tried. Harm comes and goes within seconds: more would be a server that does not recover.
pub(super) const ATTEMPTS: usize = 100;

/// A session that was opened.
pub(super) struct Session<'a> {
    storm: &'a Storm,
    repository: &'a str,
    location: String,
    acknowledged: usize,
    // When the last request that was answered was sent: the session was touched then, or later.
    touched: Instant,
}

impl<'a> Session<'a> {
    /// Opens one.
    pub(super) async fn open(storm: &'a Storm, repository: &'a str) -> Option<Self> {
        let touched = Instant::now();
        let server = storm.repository(repository);
        let open = server.request(Method::POST, "blobs/uploads/");
        let location = storm.ask(open, &[202]).await?.location();
        Some(Self {
            storm,
            repository,
            location,
            acknowledged: 0,
            touched,
        })
    }

    fn server(&self) -> Repository {
        self.storm.repository(self.repository)
    }

    /// Sends what is left of a blob in chunks of any length; when it is cut it goes on where the server says.
    pub(super) async fn send_chunks(
        &mut self,
        blob: &Blob,
        chance: &mut Chance,
        longest: u64,
    ) -> Option<()> {
        let mut attempts = ATTEMPTS;
        while self.acknowledged < blob.bytes.len() {
            // Of two bytes at least: a range cannot tell one byte from none.
            let end = self.acknowledged + chance.length(2, longest);
            let end = match blob.bytes.len() {
                all if end + 2 > all => all,
                _ => end,
            };
            let chunk = &blob.bytes[self.acknowledged..end];
            let sent = Instant::now();
            let patch = self
                .server()
                .patch_range(&self.location, self.acknowledged, chunk);
            match self.storm.ask(patch, &[202, 404, 416]).await {
                Some(answer) if answer.status() == 202 => {
                    self.location = answer.location();
                    self.acknowledged = end;
                    self.touched = sent;
                }
                // Beyond it, recorded by a request that was not answered.
                Some(answer) if answer.status() == 416 => self.resume(end).await?,
                Some(_) => return self.gone(),
                None => self.resume(end).await?,
            }
            attempts = attempts.checked_sub(1)?;
        }
        Some(())
    }

    /// Sends the first bytes in one stream that does not say where it belongs, as docker does. It is not resumed.
    pub(super) async fn send_stream(&mut self, bytes: &[u8]) -> Option<()> {
        let sent = Instant::now();
        let patch = self.server().patch(&self.location, bytes);
        let answer = self.storm.ask(patch, &[202, 404]).await?;
        if answer.status() == 404 {
            return self.gone();
        }
        self.location = answer.location();
        self.acknowledged = bytes.len();
        self.touched = sent;
        Some(())
    }

    /// Asks where the session goes on. What was acknowledged must be there, and no more than was sent.
    async fn resume(&mut self, sent: usize) -> Option<()> {
        for _ in 0..ATTEMPTS {
            let status = self.server().client().get(&self.location);
            let Some(answer) = self.storm.ask(status, &[204, 404]).await else {
                continue;
            };
            if answer.status() == 404 {
                return self.gone();
            }
            let range = answer.required_header("range").strip_prefix("0-");
            let from = match range {
                // Nothing yet: a range cannot say so otherwise.
                Some("0") => Some(0),
                Some(last) => last.parse::<usize>().ok().map(|last| last + 1),
                None => None,
            };
            let from = from.filter(|from| (self.acknowledged..=sent).contains(from));
            let Some(from) = from else {
                let acknowledged = self.acknowledged;
                self.storm.fault(format!(
                    "of {acknowledged} to {sent} bytes remains {answer:?}"
                ));
                return None;
            };
            self.storm.count(|tally| &mut tally.resumed);
            self.acknowledged = from;
            return Some(());
        }
        self.storm.fault("the server did not come back".to_owned());
        None
    }

    /// Ends the session with its last bytes, if any.
    pub(super) async fn finish(&mut self, blob: &Blob, bytes: &[u8]) -> Option<()> {
        for _ in 0..ATTEMPTS {
            let server = self.server();
            let finish = server.finish_upload(&self.location, &blob.digest, bytes);
            match self.storm.ask(finish, &[201, 404]).await {
                Some(answer) if answer.status() == 201 => return Some(()),
                Some(_) => return self.gone(),
                None => {}
            }
        }
        None
    }

    /// The session is not known any more, which is right when nobody touched it for long.
    fn gone(&self) -> Option<()> {
        let untouched = self.touched.elapsed();
        if untouched < self.storm.crowd.idle_timeout {
            let location = &self.location;
            self.storm
                .fault(format!("{location} is gone after {untouched:?}"));
        }
        None
    }
}
