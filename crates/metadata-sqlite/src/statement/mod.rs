//! What is sent to SQLite: named, constant SQL, and its arguments.
//!
//! Every statement of the crate is a [`Statement`] in the file of its noun and listed there in
//! `STATEMENTS`; [`all`] gathers them, for the metrics and for the test that explains each plan.
//! SQL is written nowhere else, and never put together at run time.
//!
//! The text of one statement may hold several, separated by `;`. sqlx-sqlite hands a statement to
//! the thread of its connection, which costs more than most of ours take to run; a text goes
//! there as one. Parameters are named by their number (`$1`) and shared by all of a text. Not `?1`: a
//! statement that leaves a number out has a parameter without a name there, which sqlx-sqlite
//! counts as one more of the whole text, until it runs out and binds NULL.

use sqlx::error::BoxDynError;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, Encode, Sqlite, Type};

use crate::{blobs, catalog, manifests, probe, referrers, storage_deletions, tags, uploads};

/// A constant text of SQL.
#[derive(Debug)]
pub(crate) struct Statement {
    /// What the metrics call it.
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
    /// The same, at the head of a job that follows another in one transaction.
    pub(crate) sql_in_next_job: &'static str,
}

/// How a job that follows another in one transaction begins: what the other did stays, and what
/// this one does can be taken back without it.
pub(crate) const NEXT_JOB_STATEMENTS: usize = 2;

/// Makes a [`Statement`] of a name and of literals that are joined to its text. A macro, because
/// the second text must be constant, too: it is the key of the statement cache.
macro_rules! statement {
    ($name:literal, $($sql:tt)+) => {
        $crate::statement::Statement {
            name: $name,
            sql: concat!($($sql)+),
            sql_in_next_job: concat!("RELEASE job; SAVEPOINT job; ", $($sql)+),
        }
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
        manifests::STATEMENTS,
        probe::STATEMENTS,
        referrers::STATEMENTS,
        storage_deletions::STATEMENTS,
        tags::STATEMENTS,
        uploads::STATEMENTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

impl Statement {
    /// Begins to bind its arguments, in the order of their numbers.
    pub(crate) fn bind<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(&'static self, value: T) -> Bound {
        self.bound().bind(value)
    }

    /// Without arguments so far.
    pub(crate) fn bound(&'static self) -> Bound {
        Bound {
            statement: self,
            arguments: Ok(SqliteArguments::default()),
        }
    }
}

/// A statement with its arguments.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) statement: &'static Statement,
    arguments: Result<SqliteArguments, BoxDynError>,
}

impl Bound {
    /// Binds the next argument. One that cannot be encoded fails the statement when it is run.
    #[must_use]
    pub(crate) fn bind<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(mut self, value: T) -> Self {
        self.arguments = self
            .arguments
            .and_then(|mut arguments| arguments.add(value).map(|()| arguments));
        self
    }

    pub(crate) fn query(self) -> sqlx::Result<Query<'static, Sqlite, SqliteArguments>> {
        let arguments = self.arguments.map_err(sqlx::Error::Encode)?;
        Ok(sqlx::query_with(self.statement.sql, arguments))
    }

    pub(crate) fn query_in_next_job(self) -> sqlx::Result<Query<'static, Sqlite, SqliteArguments>> {
        let arguments = self.arguments.map_err(sqlx::Error::Encode)?;
        Ok(sqlx::query_with(self.statement.sql_in_next_job, arguments))
    }
}

#[cfg(test)]
mod tests;
