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
    /// The same at the head of a transaction that is synced, and of one that is not.
    first: [&'static str; 2],
    /// The same at the head of a job that follows another.
    next: &'static str,
}

/// What a commit does about the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// Waits until it has everything.
    Wait,
    /// Leaves it to the next commit that waits. A power cut may undo the last commits, always from
    /// some point on and never in between (SQLite, "PRAGMA synchronous", NORMAL).
    Leave,
}

/// Where in a transaction of the writer a statement stands.
///
/// Each job has a savepoint, so that what it does can be taken back without the jobs before it.
/// What begins a transaction or a job goes to SQLite with the first statement of that job, not
/// before it: another change of threads would cost as much again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// First of all: it begins the transaction, too.
    First(Sync),
    /// First of a job that follows another, whose savepoint it ends.
    Next,
    /// In the middle of a job, or outside of any transaction.
    Inside,
}

/// Makes a [`Statement`] of a name and of literals that are joined to its text. A macro, because
/// all its texts must be constant: they are the keys of the statement cache.
macro_rules! statement {
    ($name:literal, $($sql:tt)+) => {
        $crate::statement::Statement::new($name, concat!($($sql)+), [
            concat!(
                "PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(NOOP);
                 BEGIN IMMEDIATE; SAVEPOINT job; ",
                $($sql)+
            ),
            concat!(
                "PRAGMA synchronous = NORMAL; PRAGMA wal_checkpoint(NOOP);
                 BEGIN IMMEDIATE; SAVEPOINT job; ",
                $($sql)+
            ),
        ], concat!("RELEASE job; SAVEPOINT job; ", $($sql)+))
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

impl Position {
    /// How many results come before those of the statement itself.
    pub(crate) fn preamble(self) -> usize {
        match self {
            Self::First(_) => 4,
            Self::Next => 2,
            Self::Inside => 0,
        }
    }
}

impl Statement {
    /// For [`statement!`] only.
    pub(crate) const fn new(
        name: &'static str,
        sql: &'static str,
        first: [&'static str; 2],
        next: &'static str,
    ) -> Self {
        Self {
            name,
            sql,
            first,
            next,
        }
    }

    fn text(&self, position: Position) -> &'static str {
        match position {
            Position::First(Sync::Wait) => self.first[0],
            Position::First(Sync::Leave) => self.first[1],
            Position::Next => self.next,
            Position::Inside => self.sql,
        }
    }

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

    /// The query to send from where it stands.
    pub(crate) fn query(
        self,
        position: Position,
    ) -> sqlx::Result<Query<'static, Sqlite, SqliteArguments>> {
        let arguments = self.arguments.map_err(sqlx::Error::Encode)?;
        Ok(sqlx::query_with(self.statement.text(position), arguments))
    }
}

#[cfg(test)]
mod tests;
