//! Downloads that bypass the registry: what it costs to say where a blob is.
//!
//! The redirect is not followed, because what comes then is the store's work and the same for every
//! registry. The blobs are larger than what Berth would rather serve itself.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::{Figure, Load, REGISTRIES, Scenario, Work, prepare_each};
use crate::client::{Answer, Connection};
use crate::content::{BlobFamily, digest_of};
use crate::load::{self, Done, Limit, Turn};
use crate::options::Options;
use crate::reader::{REDIRECT, Reader};
use crate::registry::request;
use crate::servers::{Server, Side};

const LENGTH: usize = 2 * 1024 * 1024;

/// Blobs that are asked for in turn.
const BLOBS: u64 = 64;

/// How many blobs share a repository.
const BLOBS_EACH: u64 = 8;

/// The one line of this scenario.
pub(super) struct Redirects {
    clients: u32,
    turn: Duration,
}

impl Redirects {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            clients: options.clients,
            turn: options.turn(),
        }
    }
}

impl Scenario for Redirects {
    fn works(&self) -> Vec<Work> {
        let title = "blob GET 2 MiB, its redirect alone";
        vec![Work::new("blob-redirect", title, Figure::Operations)]
    }

    fn sides(&self) -> &'static [Side] {
        REGISTRIES
    }

    fn prepare(&self, server: &Server) -> Result<Box<dyn Load>> {
        Ok(Box::new(RedirectsLoad {
            requests: push_blobs(server)?,
            clients: self.clients,
            turn: self.turn,
        }))
    }
}

struct RedirectsLoad {
    requests: Vec<Vec<u8>>,
    clients: u32,
    turn: Duration,
}

impl Load for RedirectsLoad {
    fn turn(&mut self, _: usize, server: &mut Server) -> Result<Turn> {
        // Each blob is asked for by each client before it counts.
        let visits = Limit::Operations(u64::from(self.clients) * BLOBS);
        self.visit(server, visits)?;
        self.visit(server, Limit::Time(self.turn))
    }
}

impl RedirectsLoad {
    fn visit(&self, server: &Server, limit: Limit) -> Result<Turn> {
        let mut connections = (0..self.clients)
            .map(|_| server.connect())
            .collect::<Result<Vec<Connection>>>()?;
        let next = AtomicUsize::new(0);
        load::drive(server, &mut connections, limit, |connection| {
            let place = next.fetch_add(1, Ordering::Relaxed) % self.requests.len();
            let response = connection.exchange(&self.requests[place], Answer::WithBody)?;
            response.expect_status(REDIRECT)?;
            Ok(Done::default())
        })
    }
}

/// Requests for new blobs, each of which leads to what was pushed.
fn push_blobs(server: &Server) -> Result<Vec<Vec<u8>>> {
    let family = BlobFamily::new(LENGTH);
    let requests = Mutex::new(Vec::new());
    prepare_each(server, BLOBS, |pusher, number| {
        let repository = format!("team-{}/app", number / BLOBS_EACH);
        let digest = pusher.push_blob(&repository, &family)?;
        let request = request("GET", &format!("/v2/{repository}/blobs/{digest}"));
        let mut reader = Reader::new(server.connect()?);
        reader.read(&request, Answer::WithBody, |response| {
            ensure!(
                digest_of(response.body) == digest,
                "a blob came back changed"
            );
            Ok(())
        })?;
        requests
            .lock()
            .ok()
            .context("another client failed")?
            .push(request);
        Ok(())
    })?;
    requests.into_inner().ok().context("a client failed")
}
