//! Reads an object's known fields, and refuses keys that parsers could take differently.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Place, expect};
use crate::manifest::ManifestError;

/// So much of an unknown key is repeated in a message.
const MAXIMUM_KEY_SHOWN: usize = 64;

/// The fields of an object in the order of `keys`, `None` where absent.
pub(in crate::manifest) fn object<'j, const N: usize>(
    raw: &'j RawValue,
    at: Place<'_>,
    keys: [&'static str; N],
) -> Result<[Option<&'j RawValue>; N], ManifestError> {
    expect(raw, at, "an object", |first| first == b'{')?;
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    let object = deserializer
        .deserialize_map(ObjectVisitor(keys))
        .map_err(ManifestError::NotJson)?;
    match object.fault {
        None => Ok(object.fields),
        Some(KeyFault::Duplicate(key)) => Err(ManifestError::DuplicateKey {
            at: at.to_string(),
            key,
        }),
        Some(KeyFault::Case { found, key }) => Err(ManifestError::KeyCase {
            at: at.to_string(),
            found,
            key,
        }),
    }
}

struct Object<'j, const N: usize> {
    fields: [Option<&'j RawValue>; N],
    fault: Option<KeyFault>,
}

enum KeyFault {
    Duplicate(String),
    Case { found: String, key: &'static str },
}

struct ObjectVisitor<const N: usize>([&'static str; N]);

impl<'j, const N: usize> Visitor<'j> for ObjectVisitor<N> {
    type Value = Object<'j, N>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'j>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = Object {
            fields: [None; N],
            fault: None,
        };
        let mut unknown = HashSet::new();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            let fault = if let Some(index) = self.0.iter().position(|known| *known == key) {
                let earlier = object.fields[index].replace(map.next_value()?);
                earlier.map(|_| KeyFault::Duplicate(self.0[index].to_owned()))
            } else {
                map.next_value::<IgnoredAny>()?;
                self.judge_unknown(key, &mut unknown)
            };
            object.fault = object.fault.or(fault);
        }
        Ok(object)
    }
}

impl<const N: usize> ObjectVisitor<N> {
    /// An unknown key may not be a known one in disguise, and may not stand there twice.
    fn judge_unknown<'j>(
        &self,
        key: Cow<'j, str>,
        earlier: &mut HashSet<Cow<'j, str>>,
    ) -> Option<KeyFault> {
        if let Some(known) = self.0.iter().find(|known| folds_to(&key, known)) {
            return Some(KeyFault::Case {
                found: key.into_owned(),
                key: known,
            });
        }
        let repeated = earlier.replace(key)?;
        Some(KeyFault::Duplicate(
            repeated.chars().take(MAXIMUM_KEY_SHOWN).collect(),
        ))
    }
}

/// Whether Go's `encoding/json` takes `key` for `known`: it ignores case by Unicode's simple
/// folding, which maps the long s to `s`. (It also maps the Kelvin sign to `k`, but no key of
/// ours has one.)
fn folds_to(key: &str, known: &str) -> bool {
    let folded = key.chars().map(|character| match character {
        'ſ' => 's',
        other => other.to_ascii_lowercase(),
    });
    folded.eq(known
        .chars()
        .map(|character| character.to_ascii_lowercase()))
}

/// Reads a key, borrowed where it has no escapes.
struct KeySeed;

impl<'j> DeserializeSeed<'j> for KeySeed {
    type Value = Cow<'j, str>;

    fn deserialize<D: Deserializer<'j>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'j> Visitor<'j> for KeySeed {
    type Value = Cow<'j, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, key: &'j str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}
