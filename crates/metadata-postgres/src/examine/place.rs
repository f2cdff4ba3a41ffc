//! One connection to a database that is examined, and steps on it that end in time.

use std::time::{Duration, Instant};

use registry_core::ports::Clock;
use sqlx::postgres::PgRow;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row as _};
use tokio::time::timeout;

use super::Pooler;
use super::error::{ExamineError, failed, unconnected};
use crate::PostgresMetadata;
use crate::address::Address;
use crate::open::{OpenError, SchemaState};
use crate::pooling::{self, Pooling};

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(5);

const TIME: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// A write that leaves nothing behind: a message in the log of changes, which nobody waits for.
const COMMIT: &str = "SELECT pg_logical_emit_message(true, 'berth', 'doctor')::text";

/// A connection, and how sentences call what it leads to.
pub(super) struct Place {
    pub(super) database: String,
    address: Address,
    connection: PgConnection,
}

impl Place {
    pub(super) async fn connect(url: &str) -> Result<Self, ExamineError> {
        let address = Address::parse(url)
            .map_err(|cause| ExamineError::Open(OpenError::Url(cause.into())))?;
        let database = address.to_string();
        match timeout(PATIENCE, address.options.connect()).await {
            Ok(Ok(connection)) => Ok(Self {
                database,
                address,
                connection,
            }),
            Ok(Err(cause)) => Err(unconnected(database, cause)),
            Err(silence) => Err(ExamineError::Open(OpenError::Unreachable {
                database,
                cause: silence.into(),
            })),
        }
    }

    /// Which schema is there. What makes the database one that can never be used is an error.
    pub(super) async fn schema(
        &self,
        url: &str,
    ) -> Result<Result<SchemaState, OpenError>, ExamineError> {
        match timeout(PATIENCE, PostgresMetadata::schema_state(url)).await {
            Ok(Ok(state)) => Ok(Ok(state)),
            Ok(Err(error)) => match error {
                OpenError::Foreign { .. }
                | OpenError::Newer { .. }
                | OpenError::NoSchema { .. }
                | OpenError::Migration { .. }
                // Its table may not be read.
                | OpenError::Failed { .. } => Ok(Err(error)),
                error => Err(ExamineError::Open(error)),
            },
            Err(_silence) => Err(self.silent()),
        }
    }

    pub(super) async fn ask(&mut self, question: &'static str) -> Result<PgRow, ExamineError> {
        match timeout(PATIENCE, self.connection.fetch_one(question)).await {
            Ok(answer) => answer.map_err(|cause| failed(&self.database, cause)),
            Err(_silence) => Err(self.silent()),
        }
    }

    pub(super) fn value<'r, T>(&self, row: &'r PgRow, column: usize) -> Result<T, ExamineError>
    where
        T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        row.try_get(column)
            .map_err(|cause| failed(&self.database, cause))
    }

    /// The shortest of three: the others had to wait for something else.
    pub(super) async fn round_trip(&mut self) -> Result<Duration, ExamineError> {
        let mut shortest = PATIENCE;
        for _ in 0..3 {
            let begun = Instant::now();
            match timeout(PATIENCE, self.connection.ping()).await {
                Ok(answer) => answer.map_err(|cause| failed(&self.database, cause))?,
                Err(_silence) => return Err(self.silent()),
            }
            shortest = shortest.min(begun.elapsed());
        }
        Ok(shortest)
    }

    pub(super) async fn clock_ahead(&mut self, clock: &dyn Clock) -> Result<i64, ExamineError> {
        let before = clock.now().0;
        let row = self.ask(TIME).await?;
        let there: i64 = self.value(&row, 0)?;
        Ok(there.saturating_sub(before.midpoint(clock.now().0)))
    }

    pub(super) async fn commit(&mut self) -> Result<Duration, ExamineError> {
        let begun = Instant::now();
        self.ask(COMMIT).await?;
        Ok(begun.elapsed())
    }

    pub(super) async fn pooler(&self) -> Result<Pooler, ExamineError> {
        let database = self.database.clone();
        // Finding out takes as long as a whole step where statements have to wait for each other.
        match timeout(2 * PATIENCE, pooling::detect(&self.address.options)).await {
            Ok(Ok(Pooling::Sessions)) => Ok(Pooler::None),
            Ok(Ok(Pooling::Transactions)) => Ok(Pooler::Transactions),
            Ok(Ok(Pooling::Unsafe)) => Err(ExamineError::Open(OpenError::Pooler { database })),
            Ok(Err(cause)) => Err(unconnected(database, cause)),
            Err(_silence) => Err(self.silent()),
        }
    }

    fn silent(&self) -> ExamineError {
        let database = self.database.clone();
        ExamineError::Silent { database }
    }

    pub(super) async fn close(self) {
        // Whether the server hears of it does not matter.
        let _unheard = timeout(PATIENCE, self.connection.close()).await;
    }
}
