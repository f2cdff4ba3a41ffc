//! Making a database read-only for everybody but one process: the last step of a move away from it, during which other
//! pods still run on it. Their look-ups go on, their writes fail and are to be tried again.
//!
//! The setting is one of the database, for sessions that begin after it. Those that began before are ended: each pod
//! connects anew. It outlives whoever made it, and its mark in the table `installation` tells why it is there.
//!
//! The process that does it holds an advisory lock from the beginning of the move on, so that there is one at a time.

use std::time::Duration;

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::address::Address;
use crate::connection::NAME;

/// Its own name among the connections, so that it does not end itself.
const MOVER: &str = "berth move";

/// A session that read its settings just before they changed shows up after so long at the latest.
const LATECOMERS: Duration = Duration::from_millis(200);

/// How often in a row none of the old sessions must be found.
const QUIET: usize = 3;

/// How often they are looked for.
const LOOKS: usize = 100;

// Whether nobody else moves this registry, whether this user may change the database, and of whom it may not end
// sessions.
const CHECK: &str = "SELECT pg_try_advisory_lock(hashtextextended('berth move', 0)),
    (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()),
    coalesce((
        SELECT string_agg(DISTINCT usename, ', ') FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'berth' AND NOT pg_has_role(usesysid, 'USAGE')
          AND NOT pg_has_role('pg_signal_backend', 'USAGE')
    ), '')";

const WRITE_HERE: &str = "SET default_transaction_read_only = off";

const FREEZE: &str = "DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());
END $$";

const THAW: &str = "DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', current_database());
END $$";

const MARK: &str = "UPDATE installation SET moving_to = $1 WHERE one = 1";

const NOW: &str = "SELECT clock_timestamp()::text";

// Those that began before the setting changed. What the others read is what it is now.
const END_SESSIONS: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = $1 AND pid <> pg_backend_pid()
      AND backend_start < $2::timestamptz";

/// What the database or the system said.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a database cannot be made read-only, in sentences for its operator.
#[derive(Debug, Error)]
pub enum FreezeError {
    /// The URL says nothing, or nobody answers there.
    #[error("the metadata database {database} cannot be reached")]
    Unreachable {
        /// Which one.
        database: String,
        /// What the system said.
        #[source]
        cause: Cause,
    },
    /// Another process moves the same registry.
    #[error(
        "another `berth move` works on the metadata database {database}: one is enough, wait for it or stop it"
    )]
    Held {
        /// Which one.
        database: String,
    },
    /// The user may not change the database's settings.
    #[error(
        "the user for the metadata database {database} may not pause the writes of other pods, because it does not own \
         the database: run ALTER DATABASE … OWNER TO this user, or set metadata.migrations_url to a URL with the owner"
    )]
    NotOwner {
        /// Which one.
        database: String,
    },
    /// Sessions of other pods cannot be ended.
    #[error(
        "the user for the metadata database {database} may not end the sessions of {users}, as the last step has to: \
         GRANT pg_signal_backend TO this user"
    )]
    MayNotEnd {
        /// Which one.
        database: String,
        /// Whose sessions.
        users: String,
    },
    /// Old sessions are there again and again.
    #[error("sessions that write to the metadata database {database} do not end")]
    Lively {
        /// Which one.
        database: String,
    },
    /// A statement failed.
    #[error("pause writes to the metadata database {database}")]
    Failed {
        /// Which one.
        database: String,
        /// What it said.
        #[source]
        cause: Cause,
    },
}

/// The right to pause writes to a database, which one process at a time has.
#[derive(Debug)]
pub struct Freeze {
    address: Address,
    /// It holds the lock as long as it lives.
    connection: Mutex<PgConnection>,
}

impl Freeze {
    /// Makes sure of it. Nothing changes yet. The URL must lead to the server itself.
    pub async fn prepare(url: &str) -> Result<Self, FreezeError> {
        let address = Address::parse(url).map_err(|cause| FreezeError::Unreachable {
            database: "in the URL".to_owned(),
            cause: cause.into(),
        })?;
        let connection = Mutex::new(connect(&address).await?);
        Ok(Self {
            address,
            connection,
        })
    }

    /// Lets nobody else write, and says in the database where the registry goes. When it returns, whatever others
    /// wrote is committed or will never be.
    pub async fn begin(&self, target: &str) -> Result<(), FreezeError> {
        let mut connection = self.connection.lock().await;
        if connection.ping().await.is_err() {
            // And with it the lock.
            *connection = connect(&self.address).await?;
        }
        let mark = sqlx::query(MARK).bind(target).execute(&mut *connection);
        mark.await.map_err(|cause| self.failed(cause))?;
        self.set(&mut connection, FREEZE).await
    }

    /// Lets everybody write again.
    pub async fn end(&self) -> Result<(), FreezeError> {
        let mut connection = self.connection.lock().await;
        if connection.ping().await.is_err() {
            *connection = connect(&self.address).await?;
        }
        self.set(&mut connection, THAW).await?;
        let nowhere: Option<&str> = None;
        let mark = sqlx::query(MARK).bind(nowhere).execute(&mut *connection);
        mark.await.map_err(|cause| self.failed(cause))?;
        Ok(())
    }

    /// Changes the setting, and ends the sessions that do not know it.
    async fn set(
        &self,
        connection: &mut PgConnection,
        setting: &'static str,
    ) -> Result<(), FreezeError> {
        let failed = |cause| self.failed(cause);
        sqlx::raw_sql(setting)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        let now = sqlx::query(NOW).fetch_one(&mut *connection).await;
        let now: String = now.and_then(|row| row.try_get(0)).map_err(failed)?;
        let mut quiet = 0;
        for _ in 0..LOOKS {
            let ended = sqlx::query(END_SESSIONS).bind(NAME).bind(&now);
            let ended = ended.fetch_one(&mut *connection).await;
            let ended: i64 = ended.and_then(|row| row.try_get(0)).map_err(failed)?;
            quiet = if ended == 0 { quiet + 1 } else { 0 };
            if quiet == QUIET {
                return Ok(());
            }
            sleep(LATECOMERS / 2).await;
        }
        Err(FreezeError::Lively {
            database: self.address.to_string(),
        })
    }

    fn failed(&self, cause: sqlx::Error) -> FreezeError {
        FreezeError::Failed {
            database: self.address.to_string(),
            cause: cause.into(),
        }
    }
}

/// A connection that may write in any case, and holds the lock.
async fn connect(address: &Address) -> Result<PgConnection, FreezeError> {
    let database = address.to_string();
    let options = address.options.clone().application_name(MOVER);
    let connected = options.connect().await;
    let mut connection = connected.map_err(|cause| FreezeError::Unreachable {
        database: database.clone(),
        cause: cause.into(),
    })?;
    let failed = |cause: sqlx::Error| FreezeError::Failed {
        database: database.clone(),
        cause: cause.into(),
    };
    sqlx::raw_sql(WRITE_HERE)
        .execute(&mut connection)
        .await
        .map_err(failed)?;
    let row = sqlx::query(CHECK).persistent(false);
    let row = row.fetch_one(&mut connection).await.map_err(failed)?;
    if !row.try_get::<bool, _>(0).map_err(failed)? {
        return Err(FreezeError::Held { database });
    }
    if !row.try_get::<bool, _>(1).map_err(failed)? {
        return Err(FreezeError::NotOwner { database });
    }
    let users: String = row.try_get(2).map_err(failed)?;
    if !users.is_empty() {
        return Err(FreezeError::MayNotEnd { database, users });
    }
    Ok(connection)
}
