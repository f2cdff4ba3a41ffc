//! A move in a storm: clients push, pull and delete all the time, and the mover is killed twice on its way.

use std::time::{Duration, Instant};

use berth_tests::{
    Blob, Place, SharedStores, TestRegistry,
    storm::{Chance, Crowd, Harm, Ledger, Storm},
};
use tokio::time::sleep;

use super::{LIMIT, MOVED};

/// What the mover says when writes begin to wait.
const LAST_STEP: &str = "the last step";

const CROWD: Crowd = Crowd {
    pushers: 6,
    pullers: 4,
    largest_blob: 1 << 20,
    // Sessions do not move.
    idle_timeout: Duration::ZERO,
};

/// Enough to be killed while it is copied.
const BALLAST: usize = 24;

/// Waits until it has said this. How long it takes to catch up with a storm depends on the machine.
async fn wait_for(registry: &TestRegistry, text: &str) {
    let deadline = Instant::now() + Duration::from_mins(4);
    while !registry.log().contains(text) {
        assert!(
            Instant::now() < deadline,
            "it does not say {text:?}:\n{}",
            progress(registry)
        );
        sleep(Duration::from_millis(5)).await;
    }
}

/// What it said of the move.
fn progress(registry: &TestRegistry) -> String {
    let said = registry.log();
    let lines = said.lines().filter(|line| line.starts_with("move: "));
    lines.collect::<Vec<_>>().join("\n")
}

/// Kills it while it copies, and in its last step, and waits until it is done.
async fn move_with_kills(registry: &mut TestRegistry, storm: &Storm, mut chance: Chance) {
    sleep(Duration::from_millis(300 + chance.below(700))).await;
    let said = registry.log();
    assert!(!said.contains(LAST_STEP), "it was too quick to be killed");
    registry.kill_hard();
    registry.restart().await;
    storm.speak_to(registry.client());
    wait_for(registry, LAST_STEP).await;
    registry.kill_hard();
    registry.restart().await;
    storm.speak_to(registry.client());
    wait_for(registry, MOVED).await;
    sleep(Duration::from_secs(3)).await;
}

#[tokio::test]
async fn nothing_is_lost_in_a_storm() {
    let seed = Chance::seed();
    eprintln!("moving: BERTH_STORM_SEED={seed}");
    let directory = tempfile::tempdir().expect("a directory");
    let embedded = TestRegistry::builder().data_directory(directory.path());
    let mut registry = embedded.clone().start().await;
    for _ in 0..BALLAST {
        let ballast = Blob::random(4 << 20);
        registry.repository("ballast").push_blob(&ballast).await;
    }
    let storm = Storm::new(Harm::Kills, CROWD, registry.client());
    let stores = SharedStores::fresh().await;
    let moving = embedded.moving_to(&Place::from(&stores));
    let harm = async {
        // Something to move.
        sleep(Duration::from_secs(4)).await;
        registry.terminate();
        registry.wait_for_exit(LIMIT).await;
        registry = moving.start().await;
        storm.speak_to(registry.client());
        let chance = Chance::new(seed, u64::MAX - 1);
        move_with_kills(&mut registry, &storm, chance).await;
    };
    let ledgers = storm.rage(seed, harm).await;

    let said = registry.log();
    let pause = said.lines().find(|line| line.contains("writes paused for"));
    // Once more, so that nothing is seen that only the memory of the process knew.
    registry.kill_hard();
    registry.restart().await;
    let losses = Storm::losses(&ledgers, &registry.client()).await;
    let acknowledged: usize = ledgers.iter().map(Ledger::acknowledged).sum();
    let (lost, tally) = (losses.len(), storm.tally());
    eprintln!(
        "moving: 2 kills, {acknowledged} acknowledged pushes, {} pulls, {} deletions, {lost} losses, {}",
        tally.pulls,
        tally.deletions,
        pause.unwrap_or("it was killed just behind the switch"),
    );
    assert!(losses.is_empty(), "{}", losses.join("\n"));
    let faults = storm.faults();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(acknowledged > 100 && tally.pulls > 100, "that was no storm");
}
