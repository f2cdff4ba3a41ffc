//! When a client is sent to the blob store itself, so that downloads bypass the registry.

use std::fmt;
use std::str::FromStr;

use oci_types::RepositoryName;
use thiserror::Error;

/// What an operator decides about redirects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirects {
    /// Blobs up to this length are served here: it saves clients a connection.
    pub inline_bytes: u64,
    /// Repositories whose blobs are always served here.
    pub except: Vec<RepositoryPattern>,
}

impl Redirects {
    /// Whether blobs of this repository may be had elsewhere.
    pub(crate) fn reach(&self, repository: &RepositoryName) -> bool {
        let excepted = |pattern: &RepositoryPattern| pattern.matches(repository);
        !self.except.iter().any(excepted)
    }

    /// Whether a blob of `size` bytes in `repository` may be had elsewhere.
    pub(crate) fn apply_to(&self, repository: &RepositoryName, size: u64) -> bool {
        size > self.inline_bytes && self.reach(repository)
    }
}

/// One repository, or all below a prefix: `team/app`, `team/**`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryPattern {
    /// This one.
    One(RepositoryName),
    /// Every one whose path begins with these elements and has more.
    Below(RepositoryName),
}

/// Why a text is no [`RepositoryPattern`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected a repository such as team/app, or all below a prefix such as team/**")]
pub struct RepositoryPatternError;

impl RepositoryPattern {
    /// Whether it means this repository.
    pub fn matches(&self, repository: &RepositoryName) -> bool {
        match self {
            Self::One(name) => name == repository,
            Self::Below(prefix) => repository
                .as_str()
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.starts_with('/')),
        }
    }
}

impl FromStr for RepositoryPattern {
    type Err = RepositoryPatternError;

    fn from_str(text: &str) -> Result<Self, RepositoryPatternError> {
        let parse = |name: &str| name.parse().map_err(|_| RepositoryPatternError);
        match text.strip_suffix("/**") {
            Some(prefix) => parse(prefix).map(Self::Below),
            None => parse(text).map(Self::One),
        }
    }
}

impl fmt::Display for RepositoryPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(name) => name.fmt(formatter),
            Self::Below(prefix) => write!(formatter, "{prefix}/**"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> RepositoryPattern {
        let pattern: RepositoryPattern = text.parse().unwrap();
        assert_eq!(pattern.to_string(), text);
        pattern
    }

    #[test]
    fn a_pattern_means_one_repository_or_all_below() {
        let cases = [
            ("team/app", "team/app", true),
            ("team/app", "team/app/x", false),
            ("team/**", "team/app", true),
            ("team/**", "team/a/b", true),
            ("team/**", "team", false),
            ("team/**", "teams/app", false),
        ];
        for (text, name, expected) in cases {
            let name = name.parse().unwrap();
            assert_eq!(pattern(text).matches(&name), expected, "{text} {name}");
        }
        for text in ["", "**", "/**", "team/*", "Team/**", "team/**/x"] {
            assert!(text.parse::<RepositoryPattern>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn small_blobs_and_excepted_repositories_are_served_here() {
        let redirects = Redirects {
            inline_bytes: 10,
            except: vec![pattern("team/**")],
        };
        let applies = |name: &str, size| redirects.apply_to(&name.parse().unwrap(), size);
        assert!(applies("other/app", 11));
        assert!(!applies("other/app", 10));
        assert!(!applies("team/app", 11));
    }
}
