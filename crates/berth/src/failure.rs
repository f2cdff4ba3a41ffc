//! How a command fails: with which exit code, and with a sentence for a person instead of a backtrace.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::config::Problems;

/// Why a command did not do what it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration is wrong: exit code 2, as for a wrong command line.
    Configuration(Problems),
    /// Something else: exit code 1.
    Other(anyhow::Error),
    /// Whoever read our output wants no more of it, as `head` does: no failure at all.
    OutputClosed,
}

impl Failure {
    /// The code that the process ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Configuration(_) => ExitCode::from(2),
            Self::Other(_) => ExitCode::FAILURE,
            Self::OutputClosed => ExitCode::SUCCESS,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(problems) => problems.fmt(formatter),
            // The alternate form adds the causes, each after a colon.
            Self::Other(error) => write!(formatter, "{error:#}"),
            Self::OutputClosed => formatter.write_str("output closed"),
        }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Configuration(problems)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Other(error.into())
        }
    }
}
