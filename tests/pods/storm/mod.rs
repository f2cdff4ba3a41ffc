//! A storm on three pods: clients push, delete and pull through nginx while pods and the database are killed, and while
//! the bucket is cut off, slow, and answers what it should not. When all is well again, everything that was acknowledged
//! is there byte for byte, nothing is visible by halves, and no object is left that no blob needs.
//!
//! `BERTH_STORM_SEED` repeats the choices of a run; `BERTH_STORM_SECONDS` is how long the long one lasts.

mod faults;
mod harm;

use std::{env, time::Duration};

use berth_tests::storm::{Chance, Crowd, Harm, Ledger, Storm, Tally};

use self::harm::Harbour;
use crate::inside::Inside;

/// Longer than anything is away at a time: a session that somebody works on does not end.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// As many clients as the default run has time for.
const FEW: Crowd = Crowd {
    pushers: 16,
    pullers: 6,
    largest_blob: 8 << 20,
    idle_timeout: IDLE_TIMEOUT,
};

const MANY: Crowd = Crowd {
    pushers: 36,
    pullers: 14,
    ..FEW
};

#[tokio::test]
async fn what_was_acknowledged_survives() {
    rage(FEW, Duration::from_secs(22)).await;
}

#[tokio::test]
#[ignore = "long: run by make test-long"]
async fn what_was_acknowledged_survives_for_long() {
    rage(MANY, seconds()).await;
}

fn seconds() -> Duration {
    let seconds = env::var_os("BERTH_STORM_SECONDS").map_or(180, |seconds| {
        let seconds = seconds.to_str().and_then(|seconds| seconds.parse().ok());
        seconds.expect("BERTH_STORM_SECONDS is a number")
    });
    Duration::from_secs(seconds)
}

#[expect(
    clippy::print_stderr,
    reason = "what a storm did is worth knowing also when it did no harm"
)]
async fn rage(crowd: Crowd, time: Duration) {
    let seed = Chance::seed();
    eprintln!("storm: BERTH_STORM_SEED={seed}");
    let mut harbour = Harbour::build(seed).await;
    let storm = Storm::new(Harm::Outages, crowd, harbour.client());
    let ledgers = storm.rage(seed, harbour.suffer(time)).await;
    // Nothing is seen that only the memory of a process knows, and nothing that is taken back a little later.
    harbour.heal().await;
    let inside = Inside::new(&harbour.postgres, &harbour.stores);
    inside.wait_until_settled().await;
    let losses = Storm::losses(&ledgers, &harbour.client()).await;

    let acknowledged: usize = ledgers.iter().map(Ledger::acknowledged).sum();
    let (tally, lost) = (storm.tally(), losses.len());
    eprintln!("storm: {}", harbour.deeds());
    let Tally {
        resumed,
        pulls,
        deletions,
        mounts,
        refusals,
        unanswered,
    } = tally;
    eprintln!(
        "storm: {acknowledged} acknowledged pushes, {resumed} uploads resumed, {pulls} pulls, {deletions} deletions, \
         {mounts} mounts, {refusals} answers 429 or 5xx, {unanswered} requests without an answer, {lost} losses"
    );
    assert!(losses.is_empty(), "{}", losses.join("\n"));
    let faults = storm.faults();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    inside.wait_until_tidy().await;
    assert!(acknowledged > 100 && tally.pulls > 20, "that was no storm");
}
