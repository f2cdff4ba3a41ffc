//! The load generator's HTTP/1.1 client: one keep-alive connection, one request at a time.
//!
//! It exists because it must cost less than the servers it measures: requests are bytes prepared
//! beforehand, an answer is read with as few system calls as it arrives in, and nothing is
//! allocated on the way. It understands what registries answer and no more: `Content-Length` and
//! chunked bodies, no trailers, no interim answers.

mod head;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::net::RecvFlags;

use head::Framing;
pub(crate) use head::Head;

/// Longest time to wait for a server before the run is given up.
///
/// Of 200 uploads at once the last is answered minutes after the first where each byte is slow.
const PATIENCE: Duration = Duration::from_mins(5);

/// A head that is longer is no answer of a registry.
const LONGEST_HEAD: usize = 64 * 1024;

/// How much of a large body one system call throws away.
const DISCARD_AT_ONCE: usize = 1024 * 1024;

/// Whether an answer may have a body: those to HEAD never have one (RFC 9110 section 9.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    WithBody,
    HeadOnly,
}

/// A connection to a server.
pub(crate) struct Connection {
    stream: TcpStream,
    /// What came from the socket; `..read` of it is filled.
    buffer: Vec<u8>,
    read: usize,
    /// The bytes of a chunked body.
    body: Vec<u8>,
}

/// An answer that is held whole.
pub(crate) struct Response<'a> {
    pub(crate) head: Head<'a>,
    pub(crate) body: &'a [u8],
}

impl Response<'_> {
    /// An error that shows the answer unless the status is the expected one.
    pub(crate) fn expect_status(&self, status: u16) -> Result<()> {
        self.head.expect_status(status, self.body)
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            buffer: vec![0; 32 * 1024],
            read: 0,
            body: Vec::new(),
        })
    }

    /// Sends bytes of a request; a request may take several calls.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("send a request")
    }

    /// Sends a whole request and reads the whole answer.
    pub(crate) fn exchange(&mut self, request: &[u8], answer: Answer) -> Result<Response<'_>> {
        self.send(request)?;
        self.receive(answer)
    }

    /// Reads the whole answer to a request that was sent.
    pub(crate) fn receive(&mut self, answer: Answer) -> Result<Response<'_>> {
        let (head_length, framing) = self.receive_head(answer)?;
        match framing {
            Framing::Length(length) => {
                let end = head_length + usize::try_from(length)?;
                if self.buffer.len() < end {
                    self.buffer.resize(end, 0);
                }
                while self.read < end {
                    self.fill()?;
                }
                ensure!(self.read == end, "the server sent more than its answer");
                let (head, rest) = self.buffer.split_at(head_length);
                Ok(Response {
                    head: Head::parse(head)?,
                    body: &rest[..end - head_length],
                })
            }
            Framing::Chunked => {
                self.receive_chunks(head_length)?;
                Ok(Response {
                    head: Head::parse(&self.buffer[..head_length])?,
                    body: &self.body,
                })
            }
        }
    }

    /// Reads an answer and throws its body away inside the kernel: how long the body was.
    ///
    /// The bytes are received and acknowledged but not copied here, which leaves the core to the
    /// server.
    pub(crate) fn receive_and_discard(&mut self, status: u16) -> Result<u64> {
        let (head_length, framing) = self.receive_head(Answer::WithBody)?;
        let (head, begun) = self.buffer[..self.read].split_at(head_length);
        Head::parse(head)?.expect_status(status, begun)?;
        let Framing::Length(length) = framing else {
            bail!("a large blob came without its length");
        };
        let mut left = length - u64::try_from(self.read - head_length)?;
        self.discard(&mut left)?;
        Ok(length)
    }

    /// Throws away what is left of a body.
    pub(crate) fn discard(&mut self, left: &mut u64) -> Result<()> {
        let mut unused = vec![0_u8; DISCARD_AT_ONCE];
        while *left > 0 {
            let most = usize::try_from(*left)?.min(unused.len());
            let (_, received) =
                rustix::net::recv(&self.stream, &mut unused[..most], RecvFlags::TRUNC)?;
            ensure!(
                received > 0,
                "the server closed the connection within a body"
            );
            *left -= u64::try_from(received)?;
        }
        Ok(())
    }

    /// Reads exactly these bytes, outside of HTTP.
    pub(crate) fn read_exact(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.stream.read_exact(bytes).context("read an answer")
    }

    fn receive_head(&mut self, answer: Answer) -> Result<(usize, Framing)> {
        self.read = 0;
        loop {
            let searched = self.read.saturating_sub(3);
            self.fill()?;
            if let Some(end) = end_of_head(&self.buffer[searched..self.read]) {
                let length = searched + end;
                let head = Head::parse(&self.buffer[..length])?;
                let framing = match answer {
                    Answer::WithBody => head.framing()?,
                    Answer::HeadOnly => Framing::Length(0),
                };
                return Ok((length, framing));
            }
            ensure!(self.read < LONGEST_HEAD, "an answer's head does not end");
        }
    }

    /// Decodes the chunked body behind the head (RFC 9112 section 7.1).
    fn receive_chunks(&mut self, head_length: usize) -> Result<()> {
        self.body.clear();
        let mut at = head_length;
        loop {
            let line = self.line_end(at)?;
            let size = std::str::from_utf8(&self.buffer[at..line])?;
            let size = usize::from_str_radix(size, 16).context("read a chunk's length")?;
            at = line + 2;
            while self.read < at + size + 2 {
                self.fill()?;
            }
            self.body.extend_from_slice(&self.buffer[at..at + size]);
            at += size + 2;
            if size == 0 {
                ensure!(self.read == at, "trailers are not expected");
                return Ok(());
            }
        }
    }

    fn line_end(&mut self, from: usize) -> Result<usize> {
        loop {
            let found = self.buffer[from..self.read]
                .windows(2)
                .position(|pair| pair == b"\r\n");
            if let Some(length) = found {
                return Ok(from + length);
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<()> {
        if self.read == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let received = self
            .stream
            .read(&mut self.buffer[self.read..])
            .context("read an answer")?;
        ensure!(received > 0, "the server closed the connection");
        self.read += received;
        Ok(())
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|start| start + 4)
}

#[cfg(test)]
mod tests;
