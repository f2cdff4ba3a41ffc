//! One database server: its connections, and how statements are run on them.
//!
//! - A look-up is one statement, run again once where the connection broke (`read`).
//! - A write is one statement in a transaction of its own, or between BEGIN and COMMIT where what it
//!   found has to be judged first; it is run again where others came in between (`write`).
//!
//! A connection that broke is thrown away. Those that lay idle then are suspected of the same fate
//! and tested once before they are used; so a database that was restarted, or whose place another
//! took, costs a few requests and no restart of the registry. Whoever gives up in the middle leaves a
//! connection behind that is not waited for (`lent`).

mod lent;
mod read;
mod suspicion;
mod write;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{PgConnection, PgPool};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use self::lent::{Lent, Returns};
use self::suspicion::Suspicion;
pub(crate) use self::write::{Effect, Verdict, Write};
use crate::connection::{self, Role, Settings};
use crate::error::{Failure, Fault};
use crate::metrics::Metrics;
use crate::statement::Bound;

/// What the network may take beside the time that a statement has.
const MARGIN: Duration = Duration::from_secs(5);

/// The same where another can be asked instead; and how long a connection is waited for then.
const HASTE: Duration = Duration::from_millis(250);

/// An answer is waited for so long where statements have no limit.
const UNLIMITED: Duration = Duration::from_hours(24);

/// Connections to one server, and what they are used with.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    role: Role,
    pool: PgPool,
    returns: Returns,
    /// How long an answer is waited for. The server gives up earlier; a server that is cut off
    /// cannot.
    answer: Duration,
    metrics: Arc<Metrics>,
}

impl Database {
    /// Opens no connection yet.
    pub(crate) fn new(
        options: PgConnectOptions,
        role: Role,
        settings: Settings,
        metrics: Arc<Metrics>,
    ) -> Self {
        let suspicion = Arc::new(Suspicion::new());
        let suspects = Arc::clone(&suspicion);
        let pool = PgPoolOptions::new()
            .max_connections(settings.connections.max(1))
            .acquire_timeout(settings.acquire_timeout)
            .test_before_acquire(false)
            .before_acquire(move |connection, about| {
                let suspects = Arc::clone(&suspects);
                Box::pin(async move { Ok(suspects.clears(connection, about.idle_for).await) })
            })
            .after_connect(move |connection, _| {
                Box::pin(connection::set_up(connection, role, settings))
            })
            .connect_lazy_with(options);
        let margin = match role {
            Role::Primary => MARGIN,
            Role::Replica => HASTE,
        };
        Self {
            role,
            pool,
            returns: Returns {
                suspicion,
                tasks: TaskTracker::new(),
            },
            answer: match settings.statement_timeout {
                Duration::ZERO => UNLIMITED,
                limit => limit + margin,
            },
            metrics,
        }
    }

    pub(crate) fn pool(&self) -> PgPool {
        self.pool.clone()
    }

    /// Closes its connections once nobody uses them any more.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    async fn connection(&self) -> Result<Lent, Failure> {
        let began = Instant::now();
        let connection = match self.role {
            Role::Primary => lend(self.pool.clone(), self.returns.clone()).await,
            Role::Replica => self.lend_at_once().await,
        };
        self.metrics.waited(began.elapsed());
        connection.map_err(Failure::Connect)
    }

    /// Whoever does not wait any longer leaves a connection for who comes later: it goes on being opened.
    async fn lend_at_once(&self) -> sqlx::Result<Lent> {
        let lent = lend(self.pool.clone(), self.returns.clone());
        match timeout(HASTE, self.returns.tasks.spawn(lent)).await {
            Ok(Ok(lent)) => lent,
            Ok(Err(_panicked)) => Err(sqlx::Error::WorkerCrashed),
            Err(_late) => Err(sqlx::Error::PoolTimedOut),
        }
    }

    /// Runs one statement.
    async fn run(
        &self,
        connection: &mut PgConnection,
        bound: Bound,
    ) -> Result<Vec<PgRow>, Failure> {
        let Bound {
            statement,
            arguments,
        } = bound;
        let failed = |cause| Failure::Statement {
            name: statement.name,
            cause,
        };
        let arguments = arguments.map_err(|cause| failed(sqlx::Error::Encode(cause)))?;
        let rows = sqlx::query_with(statement.sql, arguments).fetch_all(connection);
        self.answered(statement.name, rows).await
    }

    /// Waits for an answer, but not for ever, and counts it.
    async fn answered<T>(
        &self,
        name: &'static str,
        answer: impl Future<Output = sqlx::Result<T>>,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        let answer = timeout(self.answer, answer).await;
        self.metrics.observe(name, began.elapsed());
        match answer {
            Ok(answer) => answer.map_err(|cause| Failure::Statement { name, cause }),
            Err(_) => Err(Failure::Silent {
                name,
                within: self.answer,
            }),
        }
    }

    /// Gives a connection back after what was done on it, or away if it broke.
    fn give_back(connection: Lent, failure: Option<&Failure>) {
        match failure.map(Failure::fault) {
            Some(Fault::Broken) => connection.throw_away(),
            // The next one may find that writes are allowed again.
            Some(Fault::ReadOnly) => connection.close(),
            _ => {}
        }
    }
}

async fn lend(pool: PgPool, returns: Returns) -> sqlx::Result<Lent> {
    Ok(Lent::new(pool.acquire().await?, returns))
}
