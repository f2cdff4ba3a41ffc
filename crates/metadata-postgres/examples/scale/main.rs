//! What the engine's operations cost as a database grows: time, pages, log and plans, at two sizes side by side.
//! `benches/scale/run.sh` makes the databases and runs it:
//! `scale migrate URL` creates the schema; `scale measure SMALL PERCENT LARGE PERCENT` measures what
//! `benches/scale/load.sql` filled. It writes to the databases, and decides nothing about what the figures mean.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program to measure with"
)]

mod contents;
mod operations;
mod plans;
mod server;
mod side;
mod writes;

use std::time::{Duration, Instant};

use metadata_postgres::PostgresMetadata;

use crate::operations::Operation;
use crate::side::Side;

/// Both sides take turns, so that what slows down the machine does so for both.
const TURNS: usize = 10;

/// What an operation did on one side.
#[derive(Default)]
struct Rounds {
    times: Vec<Duration>,
    /// Those that did not do what was meant, for example because a manifest was gone already.
    misses: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["migrate", url] => {
            PostgresMetadata::migrate(url, None).await.unwrap();
        }
        ["measure", small, small_percent, large, large_percent] => {
            let small = Side::open(small, small_percent.parse().unwrap()).await;
            let large = Side::open(large, large_percent.parse().unwrap()).await;
            let mut sides = [small, large];
            measure(&sides).await;
            plans::print(&mut sides).await;
        }
        _ => println!("scale migrate URL | scale measure SMALL PERCENT LARGE PERCENT"),
    }
}

async fn measure(sides: &[Side]) {
    println!(
        "us: median, 99th percentile; pages: touched, of these not in shared buffers; log: bytes, full pages\n"
    );
    for operation in Operation::ALL {
        let mut rounds: Vec<Rounds> = sides.iter().map(|_| Rounds::default()).collect();
        for side in sides {
            for round in 0..operation.rounds() / 10 {
                operation.run(side, round).await;
            }
        }
        for side in sides {
            side.server.begin().await;
        }
        let turn = operation.rounds().div_ceil(TURNS);
        while rounds[0].times.len() < operation.rounds() {
            for (side, rounds) in sides.iter().zip(&mut rounds) {
                for _ in 0..turn {
                    take(side, operation, rounds).await;
                }
            }
        }
        for (side, rounds) in sides.iter().zip(rounds) {
            print(side, operation, rounds).await;
        }
    }
}

async fn take(side: &Side, operation: Operation, rounds: &mut Rounds) {
    let round = operation.rounds() + rounds.times.len();
    let began = Instant::now();
    let meant = operation.run(side, round).await;
    rounds.times.push(began.elapsed());
    rounds.misses += usize::from(!meant);
}

async fn print(side: &Side, operation: Operation, rounds: Rounds) {
    let Rounds { mut times, misses } = rounds;
    let cost = side.server.cost(u32::try_from(times.len()).unwrap()).await;
    times.sort_unstable();
    let microseconds = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e6;
    let misses = match misses {
        0 => String::new(),
        count => format!("  ({count} in vain)"),
    };
    println!(
        "{:34} {:4} %  {:9.0} {:9.0} us  {:8.1} {:8.1} pages  {:8.0} B {:5.1} log{misses}",
        operation.name(),
        side.contents.percent,
        microseconds(50),
        microseconds(99),
        cost.pages,
        cost.read,
        cost.log_bytes,
        cost.full_pages,
    );
}
