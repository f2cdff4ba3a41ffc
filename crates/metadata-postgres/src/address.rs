//! Where a database is: what an operator's URL says, and how sentences name it without its password.

use std::fmt;
use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;
use thiserror::Error;

use crate::connection;

/// How to get to a database.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) options: PgConnectOptions,
}

impl Address {
    /// Reads a URL; what it leaves out comes from the environment, as for `psql`.
    pub(crate) fn parse(url: &str) -> sqlx::Result<Self> {
        check_parameters(url).map_err(|unknown| sqlx::Error::Configuration(unknown.into()))?;
        let options = PgConnectOptions::from_str(url)?;
        Ok(Self {
            options: connection::options(options),
        })
    }

    /// The same with another name for its connections.
    pub(crate) fn named(self, name: &str) -> Self {
        Self {
            options: self.options.application_name(name),
        }
    }
}

/// What may stand behind the question mark.
const PARAMETERS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// A parameter that would have no effect. One that looks like something else, as a part of a password that should have
/// been encoded, is not named.
#[derive(Debug, Error)]
enum UnknownParameter {
    #[error("the parameter {0} is not known")]
    Named(String),
    #[error(
        "one of its parameters is not known; in a password, encode ?, & and other such characters"
    )]
    Unnamed,
}

/// Refuses what the driver would pass over, after it had written it into the log with its value.
fn check_parameters(url: &str) -> Result<(), UnknownParameter> {
    let url = url.split('#').next().unwrap_or(url);
    let (_, parameters) = url.split_once('?').unwrap_or_default();
    for parameter in parameters
        .split('&')
        .filter(|parameter| !parameter.is_empty())
    {
        let (name, _) = parameter.split_once('=').unwrap_or((parameter, ""));
        let is_option = ["options[", "options%5B", "options%5b"].iter();
        if PARAMETERS.contains(&name) || is_option.clone().any(|option| name.starts_with(option)) {
            continue;
        }
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
        return Err(if parameter.contains('=') && name.chars().all(is_name) {
            UnknownParameter::Named(name.to_owned())
        } else {
            UnknownParameter::Unnamed
        });
    }
    Ok(())
}

/// For sentences.
impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        let user = options.get_username();
        let database = options.get_database().unwrap_or(user);
        if let Some(socket) = options.get_socket() {
            write!(formatter, "{database} in {}", socket.display())
        } else {
            let (host, port) = (options.get_host(), options.get_port());
            write!(formatter, "{database} on {host}:{port}")
        }
    }
}

/// Without the password, which the options would print.
impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_named_without_its_password() {
        let address = Address::parse("postgres://berth:secret@db.example:6432/registry").unwrap();
        assert_eq!(address.to_string(), "registry on db.example:6432");
        assert_eq!(
            format!("{address:?}"),
            "Address(registry on db.example:6432)"
        );
    }

    #[test]
    fn what_would_have_no_effect_is_refused_without_its_value() {
        let says = |url: &str| {
            let sqlx::Error::Configuration(cause) = Address::parse(url).unwrap_err() else {
                panic!("another error");
            };
            cause.to_string()
        };
        let url = "postgres://berth@db/registry?sslmode=require&passwrod=secret";
        assert_eq!(says(url), "the parameter passwrod is not known");
        for url in [
            "postgres://b@db/r?secret@x",
            "postgres://b@db/r?se%20cret=x",
        ] {
            assert!(!says(url).contains("cret"), "{}", says(url));
        }
        for known in [
            "",
            "?",
            "?sslmode=disable&options[search_path]=a",
            "?options%5Bsearch_path%5D=a#x",
        ] {
            Address::parse(&format!("postgres://berth@db/registry{known}")).unwrap();
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        let error = Address::parse("postgres://berth:secret@db:port/").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
