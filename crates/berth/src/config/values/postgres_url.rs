//! A PostgreSQL database, as libpq's URLs name it.

use std::fmt;
use std::str::FromStr;

use schemars::Schema;

use super::{Expected, text_schema, text_value};

/// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?…`; whoever connects reads the rest of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PostgresUrl(String);

impl PostgresUrl {
    /// All of it, the password included.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn schema() -> Schema {
        text_schema(
            "postgres-url",
            "^postgres(ql)?://.+$",
            &["postgres://berth@db.example.com/berth?sslmode=verify-full"],
        )
    }
}

text_value!(PostgresUrl);

impl FromStr for PostgresUrl {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        let rest = ["postgres://", "postgresql://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme));
        match rest {
            Some(rest) if !rest.is_empty() && !hides_a_secret(rest) => Ok(Self(text.to_owned())),
            _ => Err(Expected(
                "postgres://USER:PASSWORD@HOST/DATABASE, with a password there, percent-encoded, or in the \
                 environment as PGPASSWORD",
            )),
        }
    }
}

/// Whether there may be a secret where none is looked for when the URL is shown: a password as a
/// parameter, or one with a character in it that ends the host.
fn hides_a_secret(rest: &str) -> bool {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let behind = &rest[end..];
    let mut parameters = behind.split(['?', '&']).skip(1);
    behind.contains('@')
        || parameters.any(|parameter| {
            let name = parameter.split('=').next().unwrap_or_default();
            name.contains('%') || name.eq_ignore_ascii_case("password")
        })
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PostgresUrl")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_password_is_not_in_its_debug_text() {
        let url: PostgresUrl = "postgresql://berth:secret@db/berth".parse().unwrap();
        assert_eq!(url.as_str(), "postgresql://berth:secret@db/berth");
        assert!(!format!("{url:?}").contains("secret"));
    }

    #[test]
    fn a_password_stands_where_it_is_known_to_be_one() {
        for text in [
            "postgres://",
            "postgres://db/berth?password=secret",
            "postgres://db/berth?sslmode=disable&pass%77ord=secret",
            "postgres://berth:sec/ret@db/berth",
            "db",
        ] {
            assert!(text.parse::<PostgresUrl>().is_err(), "{text}");
        }
    }
}
