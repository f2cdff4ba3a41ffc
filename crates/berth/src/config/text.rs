//! Makes a [`Configuration`](super::Configuration) out of texts. All layers hold text, because the environment and
//! the command line have nothing else; the type of the field says how it is read.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::str::FromStr;

use serde::de::value::{MapDeserializer, StrDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::problem::nearest;
use super::settings::Setting;

/// Texts, in the shape of the configuration.
#[derive(Debug, Clone)]
pub(crate) enum Tree<'a> {
    /// What a setting is set to.
    Value(&'a str),
    /// The settings of a section, or the whole.
    Section(BTreeMap<&'a str, Tree<'a>>),
}

impl<'a> Tree<'a> {
    /// The tree in which these settings are set, and no other.
    pub(crate) fn of(texts: impl IntoIterator<Item = (&'a Setting, &'a str)>) -> Self {
        let mut root: BTreeMap<&str, Tree<'_>> = BTreeMap::new();
        for (setting, text) in texts {
            let Some(section) = &setting.section else {
                root.insert(&setting.key, Self::Value(text));
                continue;
            };
            let section = root
                .entry(section)
                .or_insert_with(|| Self::Section(BTreeMap::new()));
            if let Self::Section(settings) = section {
                settings.insert(&setting.key, Self::Value(text));
            }
        }
        Self::Section(root)
    }
}

/// Why a text is not a value of a setting: the end of a sentence that begins with the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct TextError(String);

impl de::Error for TextError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut message = format!("expected {}", listed(expected));
        if let Some(nearest) = nearest(variant, expected.iter().copied()) {
            let _ = write!(message, "; did you mean {nearest}?");
        }
        Self(message)
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        match unexpected {
            // A `NonZero` type, which would be named in the words of the language.
            de::Unexpected::Unsigned(0) => Self("expected a whole number, 1 or more".to_owned()),
            _ => Self(format!("expected {expected}")),
        }
    }
}

/// `a`, `a or b`, `a, b or c`.
fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, TextError> {
    text.parse()
        .map_err(|_| TextError("expected a whole number".to_owned()))
}

impl<'de> IntoDeserializer<'de, TextError> for Tree<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Tree<'de> {
    type Error = TextError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        match self {
            Self::Value(text) => visitor.visit_borrowed_str(text),
            Self::Section(settings) => {
                visitor.visit_map(MapDeserializer::new(settings.into_iter()))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_some(self)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TextError> {
        match self {
            Self::Value(text) => visitor.visit_u32(number(text)?),
            section @ Self::Section(_) => section.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TextError> {
        match self {
            Self::Value(text) => {
                StrDeserializer::new(text).deserialize_enum(name, variants, visitor)
            }
            section @ Self::Section(_) => section.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
