//! Whether a connection pooler stands before the server, and whether it is safe.
//!
//! One that hands a connection on after each transaction must bring prepared statements along;
//! `PgBouncer` does so from 1.21 on. An older one runs a statement of one client with the
//! arguments of another. That is found out here, before anything is written: two clients prepare
//! different statements under the same name, and while the second holds the connection on which the
//! first had prepared its own, the first runs it again.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _};
use tokio::time::timeout;

use crate::error::Fault;

/// Others may be connecting at the same time, and get the connection in question.
const ROUNDS: i64 = 3;
/// A statement that takes longer waits for a connection of the pooler.
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
    let mut first = options.connect().await?;
    let mut second = options.connect().await?;
    let mut pooling = Pooling::Sessions;
    for round in 0..ROUNDS {
        match compare(&mut first, &mut second, round).await {
            Ok(Some(Pooling::Sessions)) => {}
            Ok(Some(Pooling::Transactions)) => pooling = Pooling::Transactions,
            Ok(Some(Pooling::Unsafe) | None) => return Ok(Pooling::Unsafe),
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

/// One round; `None` if a connection had to be waited for.
async fn compare(
    first: &mut PgConnection,
    second: &mut PgConnection,
    round: i64,
) -> sqlx::Result<Option<Pooling>> {
    let before = ask(first, FIRST, round).await?;
    let mut held = second.begin().await?;
    let other = ask(&mut held, SECOND, round).await?;
    let Ok(after) = timeout(PATIENCE, ask(first, FIRST, round)).await else {
        return Ok(None);
    };
    let after = after?;
    held.rollback().await?;
    let (Some(before), Some(other), Some(after)) = (before, other, after) else {
        return Ok(Some(Pooling::Unsafe));
    };
    // The second statement answers with a minus sign, and nobody else does.
    Ok(Some(if other >= 0 || before <= 0 || after <= 0 {
        Pooling::Unsafe
    } else if before == after {
        Pooling::Sessions
    } else {
        Pooling::Transactions
    }))
}

/// The answer, if it belongs to the question.
async fn ask(
    connection: &mut PgConnection,
    question: &'static str,
    round: i64,
) -> sqlx::Result<Option<i32>> {
    let row = sqlx::query(question).bind(round);
    let row = row.fetch_one(connection).await?;
    let echo: i64 = row.try_get(1)?;
    let answer = row.try_get(0)?;
    Ok((echo == round).then_some(answer))
}

/// An error of the server or the pooler about these very statements, which are sound.
fn is_mix_up(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(cause) => {
            let passing = ["57P01", "57P03", "53300"];
            cause
                .code()
                .is_none_or(|code| !passing.contains(&code.as_ref()))
        }
        error => Fault::of(error) == Fault::Broken,
    }
}
