//! The head of an answer: status line and header lines, looked up where they lie.

use anyhow::{Context as _, Result, bail, ensure};

/// How the end of a body is found (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// How much of a refusal's body is shown.
const SHOWN_BODY: usize = 1000;

/// A status and the header lines below it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) status: u16,
    lines: &'a [u8],
}

impl<'a> Head<'a> {
    /// From the bytes up to and with the empty line.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        ensure!(
            bytes.starts_with(b"HTTP/1.1 "),
            "this is no HTTP/1.1 answer"
        );
        let code = bytes.get(9..12).context("the status line is cut")?;
        let status = std::str::from_utf8(code)?
            .parse()
            .context("read the status")?;
        Ok(Self {
            status,
            lines: bytes,
        })
    }

    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.lines
            .split(|byte| *byte == b'\n')
            .skip(1)
            .find_map(|line| {
                let (found, value) = line.split_at_checked(name.len())?;
                let value = value.strip_prefix(b":")?;
                found.eq_ignore_ascii_case(name.as_bytes()).then_some(())?;
                std::str::from_utf8(value).ok().map(str::trim)
            })
    }

    /// An error that shows the answer unless the status is the expected one.
    pub(super) fn expect_status(&self, status: u16, body: &[u8]) -> Result<()> {
        if self.status == status {
            return Ok(());
        }
        let lines = String::from_utf8_lossy(self.lines);
        let body = String::from_utf8_lossy(&body[..body.len().min(SHOWN_BODY)]);
        bail!(
            "expected status {status}, the server answered:\n{}\n{body}",
            lines.trim_end()
        )
    }

    pub(super) fn framing(&self) -> Result<Framing> {
        if let Some(length) = self.header("content-length") {
            return Ok(Framing::Length(
                length.parse().context("read Content-Length")?,
            ));
        }
        match self.header("transfer-encoding") {
            Some(coding) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
            Some(coding) => bail!("transfer coding {coding:?} is not understood"),
            // RFC 9110 section 8.6: neither of them for statuses that cannot have a body.
            None if self.status == 204 || self.status == 304 => Ok(Framing::Length(0)),
            None => bail!(
                "an answer of status {} does not tell its length",
                self.status
            ),
        }
    }
}
