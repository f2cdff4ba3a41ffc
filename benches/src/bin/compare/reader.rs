//! A client that reads, and goes where the registry sends it, as docker and containerd do.
//!
//! A redirect leads to an object store on this machine. It is followed on a connection that is kept,
//! so that what is measured is a client in the middle of a pull.

use std::io::Write as _;
use std::net::SocketAddr;

use anyhow::{Context as _, Result};

use crate::client::{Answer, Connection, Head, Response};

/// The status by which registries redirect.
pub(crate) const REDIRECT: u16 = 307;

/// A connection to a registry, and one to where it sends clients once it does.
pub(crate) struct Reader {
    registry: Connection,
    elsewhere: Option<(SocketAddr, Connection)>,
    request: Vec<u8>,
}

impl Reader {
    pub(crate) fn new(registry: Connection) -> Self {
        Self {
            registry,
            elsewhere: None,
            request: Vec::new(),
        }
    }

    /// Sends a request and has the last answer checked: that of the registry, or of where it leads.
    pub(crate) fn read(
        &mut self,
        request: &[u8],
        answer: Answer,
        check: impl Fn(&Response<'_>) -> Result<()>,
    ) -> Result<()> {
        let response = self.registry.exchange(request, answer)?;
        if response.head.status != REDIRECT {
            return check(&response);
        }
        let address = redirected(&response.head, answer, &mut self.request)?;
        let kept = self.elsewhere.take().filter(|(kept, _)| *kept == address);
        let mut connection = match kept {
            Some((_, connection)) => connection,
            None => Connection::open(address)?,
        };
        check(&connection.exchange(&self.request, answer)?)?;
        self.elsewhere = Some((address, connection));
        Ok(())
    }
}

/// Writes the request that a redirect asks for and returns where it goes.
fn redirected(head: &Head<'_>, answer: Answer, request: &mut Vec<u8>) -> Result<SocketAddr> {
    let location = head
        .header("location")
        .context("the redirect has no Location")?;
    let (host, path) = location
        .strip_prefix("http://")
        .and_then(|rest| Some(rest.split_at(rest.find('/')?)))
        .with_context(|| format!("{location:?} is not on an object store of this machine"))?;
    let method = match answer {
        Answer::WithBody => "GET",
        Answer::HeadOnly => "HEAD",
    };
    request.clear();
    write!(
        request,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: berth-compare\r\n\r\n"
    )?;
    host.parse()
        .with_context(|| format!("read the address {host:?}"))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Answers one request after another on one connection and returns what was asked.
    fn serve(answers: Vec<String>) -> (SocketAddr, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 1000];
            let mut asked = Vec::new();
            for answer in answers {
                let length = stream.read(&mut buffer).unwrap();
                asked.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
                stream.write_all(answer.as_bytes()).unwrap();
            }
            asked
        });
        (address, asked)
    }

    #[test]
    fn redirects_are_followed_on_one_connection() {
        let found = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nblob".to_owned();
        let (store, asked) = serve(vec![found.clone(), found.clone()]);
        let redirect = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{store}/b/k?s=1\r\n\
             Content-Length: 2\r\n\r\nhi"
        );
        let (registry, _) = serve(vec![redirect.clone(), redirect, found]);
        let mut reader = Reader::new(Connection::open(registry).unwrap());
        for _ in 0..3 {
            let check = |response: &Response<'_>| {
                assert_eq!(
                    (response.head.status, response.body),
                    (200, b"blob".as_slice())
                );
                Ok(())
            };
            reader.read(b"GET", Answer::WithBody, check).unwrap();
        }
        let expected =
            format!("GET /b/k?s=1 HTTP/1.1\r\nHost: {store}\r\nUser-Agent: berth-compare\r\n\r\n");
        assert_eq!(asked.join().unwrap(), [expected.clone(), expected]);
    }
}
