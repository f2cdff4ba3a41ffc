//! Whether a connection pooler stands before the server, and whether it is safe.
//!
//! One that hands a connection on after each transaction must bring prepared statements along;
//! `PgBouncer` does so from 1.21 on. An older one runs a statement of one client with the
//! arguments of another. That is found out here, before anything is written: two clients prepare
//! different statements under the same name, and while the second holds the connection on which the
//! first had prepared its own, the first runs it again.

use std::io;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _};
use tokio::time::timeout;

use crate::error;

/// Others may be connecting at the same time, and get the connection in question.
const ROUNDS: i64 = 3;
/// A connection is there within this time, if ever.
const CONNECT: Duration = Duration::from_secs(10);
/// And an answer on it.
const PATIENCE: Duration = Duration::from_secs(5);

const FIRST: &str = "SELECT pg_backend_pid(), $1::bigint";
const SECOND: &str = "SELECT -pg_backend_pid(), $1::bigint";

/// What stands between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// Nothing, or a pooler that keeps a connection for each client.
    Sessions,
    /// A pooler that keeps a connection for a transaction only, and prepared statements all the same.
    Transactions,
    /// One that does not keep prepared statements.
    Unsafe,
}

/// Finds out.
pub(crate) async fn detect(options: &PgConnectOptions) -> sqlx::Result<Pooling> {
    let mut first = within(CONNECT, options.connect()).await?;
    let mut second = within(CONNECT, options.connect()).await?;
    let mut pooling = Pooling::Sessions;
    for round in 0..ROUNDS {
        match compare(&mut first, &mut second, round).await {
            Ok(Pooling::Sessions) => {}
            Ok(Pooling::Transactions) => pooling = Pooling::Transactions,
            Ok(Pooling::Unsafe) => return Ok(Pooling::Unsafe),
            Err(error) if is_mix_up(&error) => return Ok(Pooling::Unsafe),
            Err(error) => return Err(error),
        }
    }
    for connection in [first, second] {
        // Whether the server hears of it does not matter.
        let _unheard = connection.close().await;
    }
    Ok(pooling)
}

/// One round.
async fn compare(
    first: &mut PgConnection,
    second: &mut PgConnection,
    round: i64,
) -> sqlx::Result<Pooling> {
    let before = ask(first, FIRST, round).await?;
    let mut held = within(PATIENCE, second.begin()).await?;
    let other = ask(&mut held, SECOND, round).await?;
    let after = ask(first, FIRST, round).await?;
    within(PATIENCE, held.rollback()).await?;
    let (Some(before), Some(other), Some(after)) = (before, other, after) else {
        return Ok(Pooling::Unsafe);
    };
    // The second statement answers with a minus sign, and nobody else does.
    Ok(if other >= 0 || before <= 0 || after <= 0 {
        Pooling::Unsafe
    } else if before == after {
        Pooling::Sessions
    } else {
        Pooling::Transactions
    })
}

/// The answer, if it belongs to the question.
async fn ask(
    connection: &mut PgConnection,
    question: &'static str,
    round: i64,
) -> sqlx::Result<Option<i32>> {
    let row = sqlx::query(question).bind(round);
    let row = within(PATIENCE, row.fetch_one(connection)).await?;
    let echo: i64 = row.try_get(1)?;
    let answer = row.try_get(0)?;
    Ok((echo == round).then_some(answer))
}

/// What takes longer is no sign of a pooler that mixes statements up: it may be slow, or have one connection for all.
async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    timeout(limit, answer).await.unwrap_or_else(|_late| {
        let silence = format!("no answer within {limit:?} on one of two connections at once");
        let silence = io::Error::new(io::ErrorKind::TimedOut, silence);
        Err(sqlx::Error::Io(silence))
    })
}

/// A statement of that name is not there, or is there already, or has other arguments: these are sound, so somebody else
/// prepared it, or elsewhere.
fn is_mix_up(error: &sqlx::Error) -> bool {
    error::code(error).is_some_and(|code| ["26000", "42P05", "08P01"].contains(&code.as_ref()))
}

#[cfg(test)]
mod tests {
    use berth_test_servers::Postgres;

    use super::*;
    use crate::address::Address;

    #[test]
    fn a_connection_that_breaks_mixes_up_nothing() {
        let reset = sqlx::Error::Io(io::Error::from(io::ErrorKind::ConnectionReset));
        assert!(!is_mix_up(&reset));
        assert!(!is_mix_up(&sqlx::Error::PoolTimedOut));
    }

    #[tokio::test]
    async fn a_server_that_ends_connections_mixes_up_nothing() {
        let server = Postgres::shared().await;
        let url = server.create_database().await;
        let name = url.rsplit('/').next().unwrap();
        let limit = format!("ALTER DATABASE {name} CONNECTION LIMIT 1; CREATE ROLE single LOGIN");
        server.execute("postgres", &limit).await;
        let single = url.replace("//postgres@", "//single@");
        let options = Address::parse(&single).unwrap().options;
        let refused = detect(&options).await.unwrap_err();
        assert_eq!(error::code(&refused).unwrap(), "53300", "{refused}");
    }

    #[tokio::test]
    async fn an_answer_is_not_waited_for_forever() {
        let never = std::future::pending::<sqlx::Result<()>>();
        let error = within(Duration::from_millis(10), never).await.unwrap_err();
        assert!(error.to_string().contains("no answer within"), "{error}");
        assert!(!is_mix_up(&error));
    }
}
