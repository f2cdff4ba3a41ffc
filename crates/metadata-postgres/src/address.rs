//! Where a database is: what an operator's URL says, and how sentences name it without its password.

use std::fmt;
use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;

use crate::connection;

/// How to get to a database.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) options: PgConnectOptions,
}

impl Address {
    /// Reads a URL; what it leaves out comes from the environment, as for `psql`.
    pub(crate) fn parse(url: &str) -> sqlx::Result<Self> {
        let options = PgConnectOptions::from_str(url)?;
        Ok(Self {
            options: connection::options(options),
        })
    }
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
    fn what_is_no_url_is_refused() {
        let error = Address::parse("postgres://berth:secret@db:port/").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
