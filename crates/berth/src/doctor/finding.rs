//! What a check found: one line, and what to do about it. It is the only place that knows how findings are written.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::time::Duration;

use serde::Serialize;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It is as it should be.
    Ok,
    /// It works, and somebody may want to know.
    Warn,
    /// It does not work.
    Fail,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) status: Status,
    pub(crate) detail: String,
    pub(crate) advice: Option<String>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self {
            check,
            status: Status::Ok,
            detail: detail.into(),
            advice: None,
        }
    }

    pub(crate) fn warn(
        check: &'static str,
        detail: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Warn,
            advice: Some(advice.into()),
            ..Self::ok(check, detail)
        }
    }

    pub(crate) fn fail(
        check: &'static str,
        detail: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Fail,
            ..Self::warn(check, detail, advice)
        }
    }

    /// A failure that an error tells. Errors for operators say what is wrong, and after a colon what to do; others get
    /// the advice that is given here. Causes stand in parentheses.
    pub(crate) fn error(check: &'static str, error: &dyn Error, otherwise: &str) -> Self {
        let sentence = error.to_string();
        let (wrong, advice) = sentence
            .split_once(": ")
            .unwrap_or((sentence.as_str(), otherwise));
        let causes = causes(error);
        let detail = if causes.is_empty() {
            wrong.to_owned()
        } else {
            format!("{wrong} ({causes})")
        };
        Self::fail(check, detail, advice)
    }

    /// The same as a warning: it is wrong, and the registry does without.
    pub(crate) fn tolerable(mut self) -> Self {
        self.status = Status::Warn;
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = match self.status {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "FAIL",
        };
        let (check, detail) = (self.check, one_line(&self.detail));
        write!(formatter, "{status:<4} {check:<14} {detail}")?;
        match &self.advice {
            Some(advice) => write!(formatter, "\n     {}", one_line(advice)),
            None => Ok(()),
        }
    }
}

/// Why, in one text. Some errors repeat in theirs what comes after.
fn causes(error: &dyn Error) -> String {
    let mut said = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.contains(&text) {
            let separator = if said.is_empty() { "" } else { ": " };
            // Writing to a string cannot fail.
            let _ = write!(said, "{separator}{text}");
        }
        cause = error.source();
    }
    said
}

/// Servers and the system may say more than one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How a time is written: with two digits that tell something.
pub(crate) fn milliseconds(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros < 1_000 {
        format!("0.{:02} ms", micros / 10)
    } else if micros < 10_000 {
        format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
    } else {
        format!("{} ms", duration.as_millis())
    }
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A line each, as soon as it is known.
    Lines,
    /// One JSON array, at the end.
    Json,
}

/// All findings so far.
#[derive(Debug)]
pub(crate) struct Report {
    format: Format,
    findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            findings: Vec::new(),
        }
    }

    /// Adds findings, and writes them unless that has to wait for the end.
    pub(crate) fn add(&mut self, findings: impl IntoIterator<Item = Finding>) -> io::Result<()> {
        for finding in findings {
            if self.format == Format::Lines {
                writeln!(io::stdout(), "{finding}")?;
            }
            self.findings.push(finding);
        }
        Ok(())
    }

    /// Writes what had to wait.
    pub(crate) fn finish(&self) -> io::Result<()> {
        match self.format {
            Format::Lines => Ok(()),
            Format::Json => writeln!(
                io::stdout(),
                "{}",
                serde_json::to_string_pretty(&self.findings)?
            ),
        }
    }

    /// How many checks there were.
    pub(crate) fn checks(&self) -> usize {
        self.findings.len()
    }

    /// How many of them failed.
    pub(crate) fn failures(&self) -> usize {
        let failed = |finding: &&Finding| finding.status == Status::Fail;
        self.findings.iter().filter(failed).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("there is no bucket x at http://[::1]:9000: create it")]
    struct Outer(#[source] io::Error);

    #[test]
    fn a_finding_is_one_line_and_what_to_do() {
        let finding = Finding::ok("database", "PostgreSQL 15.18, 12 ms round trip");
        let line = "ok   database       PostgreSQL 15.18, 12 ms round trip";
        assert_eq!(finding.to_string(), line);
        let finding = Finding::fail("s3 put", "it\n  is full", "make room");
        let lines = "FAIL s3 put         it is full\n     make room";
        assert_eq!(finding.to_string(), lines);
    }

    #[test]
    fn an_error_says_what_is_wrong_and_what_to_do() {
        let cause = io::Error::other("404");
        let finding = Finding::error("s3 bucket", &Outer(cause), "unused");
        assert_eq!(
            finding.detail,
            "there is no bucket x at http://[::1]:9000 (404)"
        );
        assert_eq!(finding.advice.as_deref(), Some("create it"));
        let finding = Finding::error("x", &io::Error::other("no"), "try again");
        assert_eq!(finding.advice.as_deref(), Some("try again"));
    }

    #[test]
    fn times_are_as_exact_as_they_tell_something() {
        let written = |micros| milliseconds(Duration::from_micros(micros));
        assert_eq!(written(45), "0.04 ms");
        assert_eq!(written(1_250), "1.2 ms");
        assert_eq!(written(9_999), "9.9 ms");
        assert_eq!(written(12_600), "12 ms");
    }

    #[test]
    fn json_has_all_four_fields_always() {
        let json = serde_json::to_string(&Finding::ok("space", "much")).unwrap();
        let expected = r#"{"check":"space","status":"ok","detail":"much","advice":null}"#;
        assert_eq!(json, expected);
    }
}
