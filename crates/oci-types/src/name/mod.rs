//! Names of repositories, by the grammar of the distribution specification's "Pulling manifests".
//!
//! A name is one or more components joined by `/`; where it ends in a URL is the router's matter.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::text;

/// The longest name; the specification lets clients rely on no more.
const MAXIMUM_LENGTH: usize = 255;

/// The name of a repository, such as `library/busybox`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(Arc<str>);

/// Why a text is no repository name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// Longer than 255 characters.
    #[error("a repository name has at most {MAXIMUM_LENGTH} characters")]
    TooLong,
    /// Empty, or with an empty component: `a//b`, `/a`, `a/`.
    #[error("a repository name is one or more non-empty components joined by `/`")]
    EmptyComponent,
    /// A character other than lower-case letters, digits and separators.
    #[error(
        "`{0}` is not allowed in a repository name: use lower-case letters, digits, `.`, `_`, `-` and `/`"
    )]
    Character(char),
    /// A component begins or ends with a separator, or has two that may not stand together.
    #[error(
        "each component of a repository name begins and ends with a letter or digit, and joins \
         them by one `.`, one or two `_`, or any number of `-`"
    )]
    Separator,
}

impl RepositoryName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first component: `library` of `library/busybox`, `busybox` of `busybox`.
    pub fn namespace(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(first, _)| first)
    }
}

impl FromStr for RepositoryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > MAXIMUM_LENGTH {
            return Err(NameError::TooLong);
        }
        text.split('/').try_for_each(check_component)?;
        Ok(Self(text.into()))
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn check_component(component: &str) -> Result<(), NameError> {
    if component.is_empty() {
        return Err(NameError::EmptyComponent);
    }
    if let Some(character) = component.chars().find(|&character| !is_allowed(character)) {
        return Err(NameError::Character(character));
    }
    let bytes = component.as_bytes();
    let mut runs = bytes.chunk_by(|&left, &right| is_word(left) == is_word(right));
    let edges = [bytes.first(), bytes.last()];
    let edges_are_words = edges.into_iter().flatten().all(|&byte| is_word(byte));
    if edges_are_words && runs.all(|run| is_word(run[0]) || is_separator(run)) {
        Ok(())
    } else {
        Err(NameError::Separator)
    }
}

const fn is_allowed(character: char) -> bool {
    matches!(character, 'a'..='z' | '0'..='9' | '.' | '_' | '-')
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_separator(run: &[u8]) -> bool {
    matches!(run, b"." | b"_" | b"__") || run.iter().all(|&byte| byte == b'-')
}

impl TryFrom<String> for RepositoryName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl AsRef<str> for RepositoryName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for RepositoryName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl fmt::Debug for RepositoryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, formatter)
    }
}

impl Serialize for RepositoryName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RepositoryName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests;
