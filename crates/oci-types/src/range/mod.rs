//! Ranges of bytes: what a download asks for (`Range`) and what an upload brings
//! (`Content-Range`, in the distribution specification's own form).
//!
//! Only reads the headers; which status an outcome becomes is the API's matter.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A `Range` header, RFC 9110 section 14.2, before the size it applies to is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// Everything: the header is absent, names another unit, is malformed or asks for several
    /// ranges. A server may ignore any of these and send the whole.
    Whole,
    /// `bytes=first-last`, `bytes=first-`.
    From {
        /// The first byte wanted.
        first: u64,
        /// The last byte wanted, if not the very last.
        last: Option<u64>,
    },
    /// `bytes=-length`: so many bytes at the end.
    Suffix {
        /// How many.
        length: u64,
    },
}

/// What a [`ByteRange`] comes to, given the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResolvedRange {
    /// Send everything, as if no range had been asked for.
    Whole,
    /// Send these bytes.
    Part {
        /// The first byte.
        start: u64,
        /// The last byte; below the size, not below `start`.
        end_inclusive: u64,
    },
    /// No byte of it exists.
    Unsatisfiable,
}

impl ByteRange {
    /// Reads the header, if there is one.
    pub fn parse(header: Option<&str>) -> Self {
        header.and_then(Self::parse_single).unwrap_or(Self::Whole)
    }

    /// The one range of a well-formed header in bytes.
    fn parse_single(header: &str) -> Option<Self> {
        let (unit, set) = header.split_once('=')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        // A list may have empty elements (RFC 9110 section 5.6.1.2).
        let specs = set.split(',').map(|spec| spec.trim_matches([' ', '\t']));
        let mut specs = specs.filter(|spec| !spec.is_empty());
        let (Some(spec), None) = (specs.next(), specs.next()) else {
            return None;
        };
        let (first, last) = spec.split_once('-')?;
        match (first, last) {
            ("", length) => Some(Self::Suffix {
                length: saturating_number(length)?,
            }),
            (first, "") => Some(Self::From {
                first: saturating_number(first)?,
                last: None,
            }),
            (first, last) => Some(Self::From {
                first: saturating_number(first)?,
                last: Some(saturating_number(last)?),
            }),
        }
    }

    /// Applies it to content of `size` bytes.
    ///
    /// A range that ends before it begins would be malformed by RFC 9110, hence ignored; the
    /// distribution specification's conformance suite wants it refused, and so it is.
    pub fn resolve(self, size: u64) -> ResolvedRange {
        let (start, last) = match self {
            Self::Whole => return ResolvedRange::Whole,
            Self::From { first, last } => (first, last.unwrap_or(u64::MAX)),
            Self::Suffix { length: 0 } => return ResolvedRange::Unsatisfiable,
            // Satisfiable by RFC 9110, but no part of nothing can be named.
            Self::Suffix { .. } if size == 0 => return ResolvedRange::Whole,
            Self::Suffix { length } => (size.saturating_sub(length), u64::MAX),
        };
        if start > last || start >= size {
            return ResolvedRange::Unsatisfiable;
        }
        ResolvedRange::Part {
            start,
            end_inclusive: last.min(size - 1),
        }
    }
}

/// The `Content-Range` of an uploaded chunk: `0-1023`, also `bytes 0-1023/*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    start: u64,
    end_inclusive: u64,
}

/// Why a text is no range of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ContentRangeError {
    /// Not `first-last`, or a number beyond 64 bits.
    #[error("the content range of a chunk is `first-last`, two positions in bytes")]
    Malformed,
    /// It ends before it begins.
    #[error("the content range of a chunk ends before it begins")]
    Inverted,
}

impl ContentRange {
    /// Position of the chunk's first byte.
    pub const fn start(self) -> u64 {
        self.start
    }

    /// Position of the chunk's last byte.
    pub const fn end_inclusive(self) -> u64 {
        self.end_inclusive
    }

    /// Length of the chunk in bytes, at least 1.
    pub const fn length(self) -> u64 {
        // Does not overflow: parsing refuses an end of u64::MAX.
        self.end_inclusive - self.start + 1
    }
}

impl FromStr for ContentRange {
    type Err = ContentRangeError;

    /// `^(bytes[ =])?(\d+)-(\d+)(/(\d+|\*))?$`; the total behind the slash says nothing a chunk
    /// needs, so it is read and dropped.
    fn from_str(text: &str) -> Result<Self, ContentRangeError> {
        let text = text
            .strip_prefix("bytes ")
            .or(text.strip_prefix("bytes="))
            .unwrap_or(text);
        let (range, total) = text.split_once('/').unwrap_or((text, "*"));
        if total != "*" {
            number(total)?;
        }
        let (start, end) = range.split_once('-').ok_or(ContentRangeError::Malformed)?;
        let (start, end_inclusive) = (number(start)?, number(end)?);
        if end_inclusive < start {
            return Err(ContentRangeError::Inverted);
        }
        if end_inclusive == u64::MAX {
            return Err(ContentRangeError::Malformed);
        }
        Ok(Self {
            start,
            end_inclusive,
        })
    }
}

impl fmt::Display for ContentRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.start, self.end_inclusive)
    }
}

/// One or more digits; not the `+` that [`u64::from_str`] would take.
fn is_number(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number that must fit.
fn number(digits: &str) -> Result<u64, ContentRangeError> {
    let parsed = if is_number(digits) {
        digits.parse().ok()
    } else {
        None
    };
    parsed.ok_or(ContentRangeError::Malformed)
}

/// A number, where one beyond 64 bits means "beyond the end" as well as any.
fn saturating_number(digits: &str) -> Option<u64> {
    is_number(digits).then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
