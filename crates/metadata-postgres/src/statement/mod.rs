//! What is sent to PostgreSQL: named, constant SQL, and its arguments.
//!
//! Every statement of the crate is a [`Statement`] in the file of its noun and listed there in
//! `STATEMENTS`; [`all`] gathers them, for the metrics and for the test that explains each plan.
//! What requests run is written nowhere else, and never put together at run time; what connections are set up with, and
//! databases examined and migrated, stands where that is done. A connection prepares a
//! statement when it first runs it, and keeps it.
//!
//! A write is one statement, whatever it changes: its parts stand in WITH. They all see the
//! database as it was when the statement began, and nothing of each other but what RETURNING hands
//! on; foreign keys are checked when all have ended. So what others commit meanwhile is invisible
//! to it, and yet may stand in its way. Each text tells what that does to it.
//!
//! A question about one row stands in a subquery with LIMIT 1 where, as a join, the planner might look
//! for the row by a part of its key.

use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, Encode, Postgres, Type};

use crate::{
    blobs, catalog, installation, inventory, manifests, probe, referrers, replica, repositories,
    storage_deletions, tags, totals, uploads,
};

/// A constant text of SQL.
#[derive(Debug)]
pub(crate) struct Statement {
    /// What the metrics call it.
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// Makes a [`Statement`] of a name and of literals that are joined to its text.
macro_rules! statement {
    ($name:literal, $($sql:tt)+) => {
        $crate::statement::Statement { name: $name, sql: concat!($($sql)+) }
    };
}
pub(crate) use statement;

/// SQL for a moment some milliseconds from now; `$now` is what [`crate::time`] binds.
macro_rules! after {
    ($now:literal, $milliseconds:literal) => {
        concat!(
            "berth_now(",
            $now,
            ") + ",
            $milliseconds,
            " * interval '1 millisecond'"
        )
    };
}
pub(crate) use after;

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
        replica::STATEMENTS,
        repositories::STATEMENTS,
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
    /// Begins to bind its arguments, in the order of their numbers.
    pub(crate) fn bind<'a, T>(&'static self, value: T) -> Bound
    where
        T: Encode<'a, Postgres> + Type<Postgres> + 'a,
    {
        self.bound().bind(value)
    }

    /// Without arguments so far.
    pub(crate) fn bound(&'static self) -> Bound {
        Bound {
            statement: self,
            arguments: Ok(PgArguments::default()),
        }
    }
}

/// A statement with its arguments.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) statement: &'static Statement,
    /// Or why one of them cannot be sent.
    pub(crate) arguments: Result<PgArguments, BoxDynError>,
}

impl Bound {
    /// Binds the next argument.
    #[must_use]
    pub(crate) fn bind<'a, T>(mut self, value: T) -> Self
    where
        T: Encode<'a, Postgres> + Type<Postgres> + 'a,
    {
        if let Ok(arguments) = &mut self.arguments
            && let Err(error) = arguments.add(value)
        {
            self.arguments = Err(error);
        }
        self
    }
}

#[cfg(test)]
mod tests;
