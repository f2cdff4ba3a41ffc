//! What is looked at before a database is used: the server, whose database it is, its schema, and what
//! stands before it. Nothing is changed but the schema, and that last.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _};
use tokio::time::timeout;

use super::{OpenError, SchemaState};
use crate::address::Address;
use crate::error;
use crate::pooling::{self, Pooling};
use crate::schema::{self, Origin};

/// The oldest PostgreSQL that will do.
const OLDEST: i32 = 15;

/// How long a connection may take while the registry starts.
const CONNECT: Duration = Duration::from_secs(10);

const LOOK: &str =
    "SELECT current_setting('server_version_num')::integer / 10000, current_schema(),
    current_setting('transaction_read_only')::boolean, current_setting('server_encoding')";

const MARKED: &str = "SELECT EXISTS (SELECT FROM installation WHERE moving_to IS NOT NULL OR moved_to IS NOT NULL) AND NOT pg_is_in_recovery()";

/// Makes sure that a database will do and has the newest schema. Returns what it had before.
pub(super) async fn bring_up_to_date(
    address: &Address,
    migrations: Option<&Address>,
    wanted: bool,
) -> Result<SchemaState, OpenError> {
    let mut connection = connect(address).await?;
    let checked = check(address, migrations, wanted, &mut connection).await;
    close(connection).await;
    checked
}

async fn check(
    address: &Address,
    migrations: Option<&Address>,
    wanted: bool,
    connection: &mut PgConnection,
) -> Result<SchemaState, OpenError> {
    let state = examine(address, connection).await?;
    detect(address).await?;
    if state.is_current() {
        return Ok(state);
    }
    let (database, known) = (address.to_string(), state.known);
    if !wanted {
        let found = state.found.unwrap_or_default();
        return Err(OpenError::Older {
            database,
            found,
            known,
        });
    }
    tracing::info!(
        database,
        found = state.found,
        known,
        "the schema of the metadata database is being migrated"
    );
    let home = schema::home(connection).await;
    let home = home.map_err(|cause| explain(address, cause))?;
    migrate(migrations.unwrap_or(address), &home).await?;
    match examine(address, connection).await? {
        now if now.is_current() => Ok(state),
        _ => Err(OpenError::OtherDatabase { database }),
    }
}

async fn connect(address: &Address) -> Result<PgConnection, OpenError> {
    match timeout(CONNECT, address.options.connect()).await {
        Ok(connection) => connection.map_err(|cause| explain(address, cause)),
        Err(silence) => Err(OpenError::Unreachable {
            database: address.to_string(),
            cause: silence.into(),
        }),
    }
}

async fn close(connection: PgConnection) {
    // Whether the server hears of it does not matter.
    let _unheard = connection.close().await;
}

/// Looks at a server and a database: whether they will do, and which schema is there.
async fn examine(
    address: &Address,
    connection: &mut PgConnection,
) -> Result<SchemaState, OpenError> {
    let failed = |cause| explain(address, cause);
    let database = address.to_string();
    let row = sqlx::query(LOOK).persistent(false);
    let row = row.fetch_one(&mut *connection).await.map_err(failed)?;
    let found: i32 = row.try_get(0).map_err(failed)?;
    if found < OLDEST {
        let oldest = OLDEST;
        return Err(OpenError::TooOld {
            database,
            found,
            oldest,
        });
    }
    if row
        .try_get::<Option<String>, _>(1)
        .map_err(failed)?
        .is_none()
    {
        return Err(OpenError::NoSchema { database });
    }
    if row.try_get(2).map_err(failed)? && !is_marked(connection).await {
        return Err(OpenError::ReadOnly { database });
    }
    let found: String = row.try_get(3).map_err(failed)?;
    if found != "UTF8" {
        return Err(OpenError::Encoding { database, found });
    }
    let known = schema::newest();
    match schema::inspect(connection).await.map_err(failed)? {
        Origin::Foreign => Err(OpenError::Foreign { database }),
        Origin::Ours(found) if found > known => Err(OpenError::Newer {
            database,
            found,
            known,
        }),
        Origin::Ours(found) => {
            let verified = schema::verify(connection).await;
            verified.map_err(|cause| OpenError::Migration {
                database,
                known,
                cause,
            })?;
            Ok(SchemaState {
                found: Some(found),
                known,
            })
        }
        Origin::Empty => Ok(SchemaState { found: None, known }),
    }
}

/// Whether a registry is being moved from here, or was: then it may be read-only. Where that cannot be read it is not.
async fn is_marked(connection: &mut PgConnection) -> bool {
    let row = sqlx::query(MARKED).persistent(false).fetch_one(connection);
    row.await
        .and_then(|row| row.try_get(0))
        .is_ok_and(|marked: bool| marked)
}

/// Which schema a database has.
pub(super) async fn state(address: &Address) -> Result<SchemaState, OpenError> {
    let mut connection = connect(address).await?;
    let state = examine(address, &mut connection).await;
    close(connection).await;
    state
}

/// Refuses a pooler that mixes up statements.
async fn detect(address: &Address) -> Result<Pooling, OpenError> {
    let pooling = pooling::detect(&address.options).await;
    let (database, pooling) = (
        address.to_string(),
        pooling.map_err(|cause| explain(address, cause))?,
    );
    match pooling {
        Pooling::Unsafe => return Err(OpenError::Pooler { database }),
        Pooling::Transactions => tracing::warn!(
            database,
            "a connection pooler before the metadata database hands connections on after each transaction, and so the \
             time-outs of a session may not hold: set its pool_mode to session, or time-outs for the user"
        ),
        Pooling::Sessions => {}
    }
    Ok(pooling)
}

/// Brings the tables in the schema `home` up to date.
async fn migrate(address: &Address, home: &str) -> Result<(), OpenError> {
    // What a step locks, it locks for a session.
    if detect(address).await? == Pooling::Transactions {
        return Err(OpenError::PoolerForMigrations {
            database: address.to_string(),
        });
    }
    let mut connection = connect(address).await?;
    let migrated = migrate_on(&mut connection, address, home).await;
    close(connection).await;
    migrated
}

async fn migrate_on(
    connection: &mut PgConnection,
    address: &Address,
    home: &str,
) -> Result<(), OpenError> {
    let failed = |cause| explain(address, cause);
    schema::prepare(connection, home).await.map_err(failed)?;
    // It may lead elsewhere than the URL that was examined.
    if schema::inspect(connection).await.map_err(failed)? == Origin::Foreign {
        return Err(OpenError::Foreign {
            database: address.to_string(),
        });
    }
    let migrated = schema::migrate(connection).await;
    migrated.map_err(|cause| match cause {
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)
            if error::code(&cause).is_some_and(|code| code == "42501") =>
        {
            OpenError::NotOwner {
                database: address.to_string(),
                cause: cause.into(),
            }
        }
        cause => OpenError::Migration {
            database: address.to_string(),
            known: schema::newest(),
            cause,
        },
    })
}

fn explain(address: &Address, cause: sqlx::Error) -> OpenError {
    let database = address.to_string();
    let code = error::code(&cause).map(Cow::into_owned);
    match (code.as_deref(), &cause) {
        (Some("3D000"), _) => OpenError::NoDatabase {
            database,
            cause: cause.into(),
        },
        (Some(code), _) if code.starts_with("28") => OpenError::Denied {
            database,
            cause: cause.into(),
        },
        (None, sqlx::Error::Tls(_)) => OpenError::Tls {
            database,
            cause: cause.into(),
        },
        // A certificate that will not do.
        (None, sqlx::Error::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            OpenError::Tls {
                database,
                cause: cause.into(),
            }
        }
        (Some("57P03"), _) | (None, sqlx::Error::Io(_)) => OpenError::Unreachable {
            database,
            cause: cause.into(),
        },
        _ => OpenError::Failed {
            database,
            cause: cause.into(),
        },
    }
}
