//! What is wrong with a configuration: always where, what, and what to do about it.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nothing sets it.
    Default,
    /// A line of the configuration file.
    File {
        path: PathBuf,
        line: u64,
        column: u64,
    },
    /// An environment variable.
    Environment(String),
    /// An option of the command line.
    Option(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { path, line, column } => {
                write!(formatter, "{}:{line}:{column}", path.display())
            }
            Self::Environment(name) | Self::Option(name) => formatter.write_str(name),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where; nothing when it is the configuration as a whole.
    pub(crate) origin: Option<Origin>,
    /// What, as a sentence or two.
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            origin: None,
            message: message.into(),
        }
    }

    /// At the place of a value; a default has none.
    pub(crate) fn at(origin: Origin, message: impl Into<String>) -> Self {
        Self {
            origin: Some(origin).filter(|origin| *origin != Origin::Default),
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(formatter, "{origin}: ")?;
        }
        formatter.write_str(&self.message)
    }
}

/// Everything that is wrong; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0.as_slice() {
            return only.fmt(formatter);
        }
        write!(formatter, "the configuration has {} problems", self.0.len())?;
        for problem in &self.0 {
            write!(formatter, "\n  - {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The candidate that `word` is most likely a slip of, if any comes near.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    const NEAR: f64 = 0.8;
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .filter(|(similarity, _)| *similarity >= NEAR)
        .map(|(_, candidate)| candidate)
}

/// A value as it may be shown: the password of a URL is nobody's business.
pub(crate) fn redacted(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else {
        return value.to_owned();
    };
    let authority = rest.find(['/', '?', '#']).map_or(rest, |end| &rest[..end]);
    let secret = authority.rsplit_once('@');
    match secret.and_then(|(user, _)| user.split_once(':')) {
        Some((user, _password)) => format!(
            "{scheme}://{user}:***{}",
            &rest[authority.rfind('@').unwrap_or(0)..]
        ),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["idle_timeout", "header_timeout", "drain_delay"];
        assert_eq!(nearest("idle_timout", known), Some("idle_timeout"));
        assert_eq!(nearest("idel_timeout", known), Some("idle_timeout"));
        assert_eq!(nearest("replicas", known), None);
    }

    #[test]
    fn passwords_are_not_shown() {
        for (value, shown) in [
            (
                "postgres://berth:secret@db/berth",
                "postgres://berth:***@db/berth",
            ),
            (
                "s3://key:se@cret@host/bucket?x=1",
                "s3://key:***@host/bucket?x=1",
            ),
            (
                "https://registry.example.com/a@b",
                "https://registry.example.com/a@b",
            ),
            ("postgres://berth@db/berth", "postgres://berth@db/berth"),
            ("127.0.0.1:5000", "127.0.0.1:5000"),
        ] {
            assert_eq!(redacted(value), shown);
        }
    }
}
