//! The kinds of values a setting can have. Each is read from text and written back as text that
//! reads the same; what it expects stands in its error, as the end of a sentence.

mod byte_size;
mod external_url;
mod list;
mod listen_address;
mod metadata_url;
mod postgres_url;
mod span;
mod storage_url;

pub(crate) use byte_size::ByteSize;
pub(crate) use external_url::ExternalUrl;
pub(crate) use list::{Agents, Repositories};
pub(crate) use listen_address::{ListenAddress, is_loopback};
pub(crate) use metadata_url::MetadataUrl;
pub(crate) use postgres_url::PostgresUrl;
pub(crate) use span::Span;
pub(crate) use storage_url::StorageUrl;

use schemars::Schema;

/// A text could not be read as a value: what was expected instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub(crate) struct Expected(pub(crate) &'static str);

/// The schema of a value that is written as text in a format of its own.
fn text_schema(format: &str, pattern: &str, examples: &[&str]) -> Schema {
    schemars::json_schema!({
        "type": "string",
        "format": format,
        "pattern": pattern,
        "examples": examples,
    })
}

/// Serde and schema for a value type that has `FromStr`, `Display` and `fn schema() -> Schema`.
/// A macro, because coherence forbids one implementation for all of them.
macro_rules! text_value {
    ($type:ident) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                Self::schema()
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}
use text_value;
