//! What is sent to SQLite: named, constant SQL, and its arguments.
//!
//! Every statement of the crate is a [`Statement`] in the file of its noun and listed there in
//! `STATEMENTS`; [`all`] gathers them, for the metrics and for the test that explains each plan.
//! SQL is written nowhere else, and never put together at run time.
//!
//! The text of one statement may hold several, separated by `;`, that are always run together.
//! Parameters are named by their number (`$1`) and shared by all of a text; none of its parts
//! needs to use all of them.

use std::sync::OnceLock;

use rusqlite::Connection;

use crate::value::{Row, Value};
use crate::{
    blobs, catalog, installation, inventory, manifests, probe, referrers, storage_deletions, tags,
    totals, uploads,
};

/// A constant text of SQL.
#[derive(Debug)]
pub(crate) struct Statement {
    /// What the metrics call it.
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
    parts: OnceLock<Vec<&'static str>>,
}

/// Makes a [`Statement`] of a name and of literals that are joined to its text.
macro_rules! statement {
    ($name:literal, $($sql:tt)+) => {
        $crate::statement::Statement::new($name, concat!($($sql)+))
    };
}
pub(crate) use statement;

/// SQL that makes sure of a repository `$1` in a namespace `$2`. It writes nothing if they exist.
macro_rules! ensure_repository {
    () => {
        "INSERT INTO namespaces (name) VALUES ($2) ON CONFLICT DO NOTHING;
         INSERT INTO repositories (namespace_id, path)
         VALUES ((SELECT id FROM namespaces WHERE name = $2), $1) ON CONFLICT DO NOTHING;"
    };
}
pub(crate) use ensure_repository;

/// Every statement of the crate.
pub(crate) fn all() -> impl Iterator<Item = &'static Statement> {
    [
        blobs::STATEMENTS,
        catalog::STATEMENTS,
        installation::STATEMENTS,
        inventory::STATEMENTS,
        manifests::STATEMENTS,
        probe::STATEMENTS,
        referrers::STATEMENTS,
        storage_deletions::STATEMENTS,
        tags::STATEMENTS,
        totals::STATEMENTS,
        uploads::STATEMENTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

impl Statement {
    /// For [`statement!`] only.
    pub(crate) const fn new(name: &'static str, sql: &'static str) -> Self {
        Self {
            name,
            sql,
            parts: OnceLock::new(),
        }
    }

    /// The statements of its text, each on its own. None of ours has a `;` within.
    pub(crate) fn parts(&self) -> &[&'static str] {
        self.parts.get_or_init(|| {
            let parts = self.sql.split(';').map(str::trim);
            parts.filter(|part| !part.is_empty()).collect()
        })
    }

    /// Begins to bind its arguments, in the order of their numbers.
    pub(crate) fn bind(&'static self, value: impl Into<Value>) -> Bound {
        self.bound().bind(value)
    }

    /// Without arguments so far.
    pub(crate) fn bound(&'static self) -> Bound {
        Bound {
            statement: self,
            arguments: Vec::new(),
        }
    }
}

/// A statement with its arguments.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) statement: &'static Statement,
    arguments: Vec<Value>,
}

/// What one statement of a text did.
#[derive(Debug, Default)]
pub(crate) struct ResultSet {
    pub(crate) rows: Vec<Row>,
    /// Rows it changed; means something after INSERT, UPDATE and DELETE only.
    pub(crate) changes: u64,
}

impl Bound {
    /// Binds the next argument.
    #[must_use]
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.arguments.push(value.into());
        self
    }

    /// Runs each statement of the text, in their order, and returns what each did.
    pub(crate) fn run(&self, connection: &Connection) -> rusqlite::Result<Vec<ResultSet>> {
        let parts = self.statement.parts().iter();
        parts.map(|sql| self.run_part(connection, sql)).collect()
    }

    fn run_part(&self, connection: &Connection, sql: &str) -> rusqlite::Result<ResultSet> {
        let mut statement = connection.prepare_cached(sql)?;
        for parameter in 1..=statement.parameter_count() {
            let number = statement.parameter_name(parameter);
            let number = number.and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
            let argument = number.and_then(|number| self.arguments.get(number.checked_sub(1)?));
            let argument = argument.ok_or(rusqlite::Error::InvalidParameterCount(
                self.arguments.len(),
                parameter,
            ))?;
            statement.raw_bind_parameter(parameter, argument)?;
        }
        let columns = statement.column_count();
        let mut found = statement.raw_query();
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            rows.push(Row::of(row, columns)?);
        }
        drop(found);
        let changes = connection.changes();
        Ok(ResultSet { rows, changes })
    }
}

#[cfg(test)]
mod tests;
