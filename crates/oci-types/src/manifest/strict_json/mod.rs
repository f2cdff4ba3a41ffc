//! JSON as manifests need it: read field by field, each known key at most once and in its own
//! case, and every refusal with its place.
//!
//! Values stay [`RawValue`]s until somebody asks for them, so that memory follows the fields we
//! know and not what a client invents. Recursion is bounded by [`check_text`].

mod object;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::ManifestError;

pub(super) use object::object;

/// How deep arrays and objects may be nested. The specification needs five levels.
pub const MAXIMUM_DEPTH: usize = 32;
/// How many descriptors a manifest may have, and how many entries any of its lists.
pub const MAXIMUM_DESCRIPTORS: usize = 10_000;

/// Where in a manifest a value stands; written out only when it is refused.
#[derive(Clone, Copy)]
pub(super) enum Place<'p> {
    /// The manifest itself.
    Manifest,
    /// A field of an object.
    Field(&'p Place<'p>, &'static str),
    /// An element of an array.
    Element(&'p Place<'p>, usize),
}

impl Place<'_> {
    /// A field of the object that stands here.
    pub(super) const fn field(&self, key: &'static str) -> Place<'_> {
        Place::Field(self, key)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => formatter.write_str("the manifest"),
            Self::Field(Place::Manifest, key) => formatter.write_str(key),
            Self::Field(object, key) => write!(formatter, "{object}.{key}"),
            Self::Element(array, index) => write!(formatter, "{array}[{index}]"),
        }
    }
}

/// Checks what must hold before a parser may see the bytes: UTF-8 without a byte order mark,
/// nested within bounds. Then that they are one JSON value.
pub(super) fn check_text(bytes: &[u8]) -> Result<&RawValue, ManifestError> {
    if bytes.starts_with("\u{feff}".as_bytes()) {
        return Err(ManifestError::ByteOrderMark);
    }
    let text = std::str::from_utf8(bytes).map_err(ManifestError::NotUtf8)?;
    check_depth(bytes)?;
    serde_json::from_str(text).map_err(ManifestError::NotJson)
}

/// Counts brackets outside strings, without recursion.
fn check_depth(bytes: &[u8]) -> Result<(), ManifestError> {
    let mut depth = 0_usize;
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut rest),
            _ => {}
        }
        if depth > MAXIMUM_DEPTH {
            return Err(ManifestError::TooDeep);
        }
    }
    Ok(())
}

/// Goes behind the quote that ends a string.
fn skip_string(rest: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                rest.next();
            }
            _ => {}
        }
    }
}

/// The elements of an array.
pub(super) fn array<'j>(
    raw: &'j RawValue,
    at: Place<'_>,
) -> Result<Vec<&'j RawValue>, ManifestError> {
    expect(raw, at, "an array", |first| first == b'[')?;
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    let elements = deserializer
        .deserialize_seq(ArrayVisitor)
        .map_err(ManifestError::NotJson)?;
    if elements.len() > MAXIMUM_DESCRIPTORS {
        return Err(ManifestError::TooManyEntries { at: at.to_string() });
    }
    Ok(elements)
}

/// Keeps the elements up to one more than are allowed.
struct ArrayVisitor;

impl<'j> Visitor<'j> for ArrayVisitor {
    type Value = Vec<&'j RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'j>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element()? {
            elements.push(element);
            if elements.len() > MAXIMUM_DESCRIPTORS {
                while sequence.next_element::<IgnoredAny>()?.is_some() {}
            }
        }
        Ok(elements)
    }
}

/// A string's text, borrowed where it has no escapes.
pub(super) fn string<'j>(raw: &'j RawValue, at: Place<'_>) -> Result<Cow<'j, str>, ManifestError> {
    expect(raw, at, "a string", |first| first == b'"')?;
    let quoted = raw.get();
    if quoted.contains('\\') {
        serde_json::from_str(quoted)
            .map(Cow::Owned)
            .map_err(ManifestError::NotJson)
    } else {
        Ok(Cow::Borrowed(&quoted[1..quoted.len() - 1]))
    }
}

/// A whole number of bytes that fits 63 bits.
pub(super) fn size(raw: &RawValue, at: Place<'_>) -> Result<u64, ManifestError> {
    expect(raw, at, "a number", |first| {
        first == b'-' || first.is_ascii_digit()
    })?;
    let number = raw
        .get()
        .parse::<i64>()
        .ok()
        .and_then(|number| u64::try_from(number).ok());
    // `-0` is a number, but not one we write.
    number
        .filter(|_| !raw.get().starts_with('-'))
        .ok_or_else(|| ManifestError::Size { at: at.to_string() })
}

/// An object of strings. A repeated key counts as it does everywhere: the last one.
pub(super) fn annotations(
    raw: &RawValue,
    at: Place<'_>,
) -> Result<BTreeMap<String, String>, ManifestError> {
    expect(raw, at, "an object", |first| first == b'{')?;
    serde_json::from_str(raw.get()).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => ManifestError::WrongType {
            at: at.to_string(),
            expected: "an object of strings",
            found: "an object with other values",
        },
        serde_json::error::Category::Io
        | serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof => ManifestError::NotJson(error),
    })
}

/// The value, unless it is `null`.
pub(super) fn present(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "null")
}

/// Refuses a value of another JSON type, which its first byte tells.
fn expect(
    raw: &RawValue,
    at: Place<'_>,
    expected: &'static str,
    is_expected: impl Fn(u8) -> bool,
) -> Result<(), ManifestError> {
    let first = raw.get().bytes().next().unwrap_or_default();
    if is_expected(first) {
        return Ok(());
    }
    let found = match first {
        b'{' => "an object",
        b'[' => "an array",
        b'"' => "a string",
        b't' | b'f' => "a boolean",
        b'n' => "null",
        _ => "a number",
    };
    Err(ManifestError::WrongType {
        at: at.to_string(),
        expected,
        found,
    })
}
