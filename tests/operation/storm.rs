//! A storm on one server: clients push, delete and pull while it is killed and started again and again. Afterwards
//! everything it acknowledged is there byte for byte, and nothing is visible by halves.
//!
//! `BERTH_STORM_SEED` repeats the choices of a run.

use std::time::Duration;

use berth_tests::{
    TestRegistry, for_each_backend,
    storm::{Chance, Crowd, Harm, Ledger, Storm},
};
use tokio::time::sleep;

const KILLS: u64 = 6;
const CROWD: Crowd = Crowd {
    pushers: 12,
    pullers: 4,
    largest_blob: 2 << 20,
    // What the server has unless it is told otherwise.
    idle_timeout: Duration::from_hours(24),
};

/// Kills the server at any moment and starts it again, some times.
async fn kill_again_and_again(registry: &mut TestRegistry, storm: &Storm, mut chance: Chance) {
    for _ in 0..KILLS {
        sleep(Duration::from_millis(3_000 + chance.below(6_000))).await;
        registry.kill_hard();
        sleep(Duration::from_millis(chance.below(300))).await;
        registry.restart().await;
        storm.speak_to(registry.client());
    }
    sleep(Duration::from_secs(3)).await;
}

#[tokio::test]
#[ignore = "long: run by make test-long"]
async fn what_was_acknowledged_survives_every_kill() {
    for_each_backend(async |builder| {
        let seed = Chance::seed();
        eprintln!("storm: BERTH_STORM_SEED={seed}");
        let mut registry = builder.start().await;
        let storm = Storm::new(Harm::Kills, CROWD, registry.client());
        let chance = Chance::new(seed, u64::MAX - 1);
        let kills = kill_again_and_again(&mut registry, &storm, chance);
        let ledgers = storm.rage(seed, kills).await;

        // Once more, so that nothing is seen that only the memory of the process knew.
        registry.kill_hard();
        registry.restart().await;
        let losses = Storm::losses(&ledgers, &registry.client()).await;
        let acknowledged: usize = ledgers.iter().map(Ledger::acknowledged).sum();
        let (kills, lost, tally) = (KILLS + 1, losses.len(), storm.tally());
        eprintln!(
            "storm: {kills} kills, {acknowledged} acknowledged pushes, {} uploads resumed, {} pulls, {lost} losses",
            tally.resumed, tally.pulls
        );
        assert!(losses.is_empty(), "{}", losses.join("\n"));
        let faults = storm.faults();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert!(acknowledged > 100 && tally.pulls > 100, "that was no storm");
    })
    .await;
}
