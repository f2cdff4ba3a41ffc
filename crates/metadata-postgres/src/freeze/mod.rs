//! Making a database read-only for everybody but one process: the last step of a move away from it, during which other
//! pods still run on it. Their look-ups go on, their writes fail and are to be tried again.
//!
//! The setting is one of the database, for sessions that begin after it. Those that began before are ended, whatever
//! they are called, since a pooler gives a session to whoever comes next: each pod connects anew. It outlives whoever
//! made it, and its mark in the table `installation` tells why it is there.
//!
//! The process that does it holds an advisory lock from the beginning of the move on, so that there is one at a time.

mod error;

use std::time::Duration;

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

pub use self::error::FreezeError;
use crate::address::Address;
use crate::pooling::{self, Pooling};

/// What connections of a mover are called, and those of no pod.
pub const MOVER: &str = "berth move";

/// Nothing here takes longer, or the way to the database is broken.
const LIMIT: Duration = Duration::from_secs(30);

/// A session that read its settings just before they changed mostly shows up within this time.
const LATECOMERS: Duration = Duration::from_millis(200);

/// How often in a row none of the old sessions must be found.
const QUIET: usize = 3;

/// How often they are looked for.
const LOOKS: usize = 100;

// A server that hears nothing of this machine any more gives the lock back soon.
const SET_UP: &str = "SET default_transaction_read_only = off;
    SET statement_timeout = '20s'; SET lock_timeout = '10s';
    SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3";

// How the session is known again.
const SELF: &str =
    "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()";

// The one before, which the server may still believe in.
const END_FORMER: &str = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE pid = $1 AND backend_start = $2::timestamptz AND pid <> pg_backend_pid()";

// Whether nobody else moves this registry, whether this user may change the database, of whom it may not end sessions
// that may write, and who would not obey the setting of the database.
const CHECK: &str = "SELECT pg_try_advisory_lock(hashtextextended('berth move', 0)),
    (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()),
    coalesce((
        SELECT string_agg(DISTINCT owner.rolname, ', ') FROM pg_stat_activity AS session
        JOIN pg_roles AS owner ON owner.oid = session.usesysid
        WHERE session.datname = current_database()
          AND NOT (
            pg_has_role(owner.oid, 'USAGE') AND (NOT owner.rolsuper OR current_setting('is_superuser')::boolean)
          )
          AND (
            session.application_name LIKE 'berth%'
            OR NOT owner.rolsuper AND has_table_privilege(owner.oid, 'manifests', 'INSERT')
          )
    ), ''),
    coalesce((
        SELECT string_agg(DISTINCT owner.rolname, ', ') FROM pg_db_role_setting AS own
        JOIN pg_roles AS owner ON owner.oid = own.setrole
        CROSS JOIN LATERAL unnest(own.setconfig) AS setting
        WHERE own.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
          AND setting LIKE 'default_transaction_read_only=%'
          AND lower(split_part(setting, '=', 2)) NOT IN ('on', 'true', 'yes', '1')
    ), '')";

const FREEZE: &str = "DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());
END $$";

const THAW: &str = "DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', current_database());
END $$";

const MARK: &str = "UPDATE installation SET moving_to = $1 WHERE one = 1";

const NOW: &str = "SELECT clock_timestamp()::text";

// Those that began before the setting changed. What the others read is what it is now. Monitoring by a superuser, whom
// no other user may end, is left alone.
const END_SESSIONS: &str = "SELECT count(pg_terminate_backend(session.pid)) FROM pg_stat_activity AS session
    JOIN pg_roles AS owner ON owner.oid = session.usesysid
    WHERE session.datname = current_database() AND session.backend_type = 'client backend'
      AND session.pid <> pg_backend_pid() AND session.backend_start < $1::timestamptz
      AND pg_has_role(owner.oid, 'USAGE') AND (NOT owner.rolsuper OR current_setting('is_superuser')::boolean)";

// A pooler adds to a name.
const PODS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND (application_name = 'berth' OR application_name LIKE 'berth - %')";

/// The right to pause writes to a database, which one process at a time has.
#[derive(Debug)]
pub struct Freeze {
    address: Address,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    session: Option<Session>,
    /// The last one, by its number and its beginning.
    last: Option<(i32, String)>,
}

/// It holds the lock as long as it lives.
#[derive(Debug)]
struct Session {
    connection: PgConnection,
    /// Since when nobody else writes, if it saw to that.
    frozen: Option<String>,
}

impl Freeze {
    /// Makes sure of it. Nothing changes yet. `url` is what it is done by, and `pool` what the mover writes by itself:
    /// both must lead to the server, or through a pooler that keeps sessions.
    pub async fn prepare(url: &str, pool: &str) -> Result<Self, FreezeError> {
        let address = parse(url)?;
        for address in [&address, &parse(pool)?] {
            let database = address.to_string();
            match pooling::detect(&address.options).await {
                Ok(Pooling::Sessions) => {}
                Ok(Pooling::Transactions | Pooling::Unsafe) => {
                    return Err(FreezeError::Pooler { database });
                }
                Err(cause) => {
                    let cause = cause.into();
                    return Err(FreezeError::Unreachable { database, cause });
                }
            }
        }
        let freeze = Self {
            address,
            held: Mutex::default(),
        };
        freeze.renew().await?;
        Ok(freeze)
    }

    /// Connects anew if the connection, and with it the lock, is gone. To be called now and then.
    pub async fn renew(&self) -> Result<(), FreezeError> {
        let mut held = self.held.lock().await;
        let session = self.take(&mut held).await?;
        held.session = Some(session);
        Ok(())
    }

    /// Lets nobody else write, and says in the database where the registry goes. When it returns, whatever others
    /// wrote is committed or will never be.
    pub async fn begin(&self, target: &str) -> Result<(), FreezeError> {
        let mut held = self.held.lock().await;
        let mut session = self.take(&mut held).await?;
        let begun = async {
            let mark = sqlx::query(MARK).bind(target);
            let marked = mark.execute(&mut session.connection).await;
            marked.map_err(|cause| self.failed(cause))?;
            self.set(&mut session.connection, FREEZE).await
        };
        session.frozen = Some(self.within(begun).await?);
        held.session = Some(session);
        Ok(())
    }

    /// Whether nobody else can have written since [`Self::begin`]; otherwise they cannot from now on, and what they
    /// wrote is to be looked for. Fails where that cannot be told.
    pub async fn holds(&self) -> Result<bool, FreezeError> {
        let mut held = self.held.lock().await;
        let session = held.session.take();
        let Some((mut session, since)) = session.and_then(|session| {
            let since = session.frozen.clone()?;
            Some((session, since))
        }) else {
            let database = self.address.to_string();
            return Err(FreezeError::Lost { database });
        };
        let ended = self.within(self.end_sessions(&mut session.connection, &since));
        let ended = ended.await?;
        held.session = Some(session);
        Ok(ended == 0)
    }

    /// Lets everybody write again.
    pub async fn end(&self) -> Result<(), FreezeError> {
        let mut held = self.held.lock().await;
        let mut session = self.take(&mut held).await?;
        session.frozen = None;
        let ended = async {
            self.set(&mut session.connection, THAW).await?;
            let nowhere: Option<&str> = None;
            let mark = sqlx::query(MARK).bind(nowhere);
            let marked = mark.execute(&mut session.connection).await;
            marked.map_err(|cause| self.failed(cause))
        };
        self.within(ended).await?;
        held.session = Some(session);
        Ok(())
    }

    /// A session that answers. Whoever does not give it back has lost it: it is closed.
    async fn take(&self, held: &mut Held) -> Result<Session, FreezeError> {
        if let Some(mut session) = held.session.take() {
            let answer = timeout(LIMIT, session.connection.ping()).await;
            if matches!(answer, Ok(Ok(()))) {
                return Ok(session);
            }
        }
        let connect = connect(&self.address, held.last.as_ref());
        let (session, identity) = self.within(connect).await?;
        held.last = Some(identity);
        Ok(session)
    }

    /// Changes the setting, and ends the sessions that do not know it; returns when that was.
    async fn set(
        &self,
        connection: &mut PgConnection,
        setting: &'static str,
    ) -> Result<String, FreezeError> {
        let failed = |cause| self.failed(cause);
        let set = sqlx::raw_sql(setting).execute(&mut *connection).await;
        set.map_err(failed)?;
        let now = sqlx::query(NOW).fetch_one(&mut *connection).await;
        let now: String = now.and_then(|row| row.try_get(0)).map_err(failed)?;
        let mut quiet = 0;
        for _ in 0..LOOKS {
            let ended = self.end_sessions(connection, &now).await?;
            quiet = if ended == 0 { quiet + 1 } else { 0 };
            if quiet == QUIET {
                return Ok(now);
            }
            sleep(LATECOMERS / 2).await;
        }
        Err(FreezeError::Lively {
            database: self.address.to_string(),
        })
    }

    async fn end_sessions(
        &self,
        connection: &mut PgConnection,
        since: &str,
    ) -> Result<i64, FreezeError> {
        let ended = sqlx::query(END_SESSIONS).bind(since);
        let ended = ended.fetch_one(connection).await;
        ended
            .and_then(|row| row.try_get(0))
            .map_err(|cause| self.failed(cause))
    }

    async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, FreezeError>>,
    ) -> Result<T, FreezeError> {
        timeout(LIMIT, answer).await.unwrap_or_else(|_late| {
            let database = self.address.to_string();
            Err(FreezeError::Silent { database })
        })
    }

    fn failed(&self, cause: sqlx::Error) -> FreezeError {
        failed(&self.address, cause)
    }
}

/// How many sessions of pods a database has. They look at its marks when they start, and not again.
pub async fn pods(url: &str) -> Result<i64, FreezeError> {
    let address = parse(url)?;
    let mut connection = open(&address).await?;
    let mut pods = 0;
    for _ in 0..QUIET {
        let row = sqlx::query(PODS).persistent(false);
        let row = row.fetch_one(&mut connection).await;
        let found = row.and_then(|row| row.try_get(0));
        pods = found.map_err(|cause| failed(&address, cause))?;
        if pods == 0 {
            break;
        }
        // The server needs a moment to see that one is gone.
        sleep(LATECOMERS).await;
    }
    // Whether the server hears of it does not matter.
    let _unheard = connection.close().await;
    Ok(pods)
}

fn parse(url: &str) -> Result<Address, FreezeError> {
    let address = Address::parse(url).map(|address| address.named(MOVER));
    address.map_err(|cause| FreezeError::Unreachable {
        database: "in the URL".to_owned(),
        cause: cause.into(),
    })
}

fn failed(address: &Address, cause: sqlx::Error) -> FreezeError {
    FreezeError::Failed {
        database: address.to_string(),
        cause: cause.into(),
    }
}

async fn open(address: &Address) -> Result<PgConnection, FreezeError> {
    let database = address.to_string();
    match timeout(LIMIT, address.options.connect()).await {
        Ok(connection) => connection.map_err(|cause| FreezeError::Unreachable {
            database,
            cause: cause.into(),
        }),
        Err(_late) => Err(FreezeError::Silent { database }),
    }
}

/// A session that may write in any case, and holds the lock; and how to know it again.
async fn connect(
    address: &Address,
    former: Option<&(i32, String)>,
) -> Result<(Session, (i32, String)), FreezeError> {
    let database = address.to_string();
    let failed = |cause| failed(address, cause);
    let mut connection = open(address).await?;
    let set_up = sqlx::raw_sql(SET_UP).execute(&mut connection).await;
    set_up.map_err(failed)?;
    if let Some((pid, began)) = former {
        let end = sqlx::query(END_FORMER).bind(pid).bind(began);
        end.execute(&mut connection).await.map_err(failed)?;
    }
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
    let users: String = row.try_get(3).map_err(failed)?;
    if !users.is_empty() {
        return Err(FreezeError::Exempt { database, users });
    }
    let row = sqlx::query(SELF).fetch_one(&mut connection).await;
    let row = row.map_err(failed)?;
    let identity = (
        row.try_get(0).map_err(failed)?,
        row.try_get(1).map_err(failed)?,
    );
    let session = Session {
        connection,
        frozen: None,
    };
    Ok((session, identity))
}
