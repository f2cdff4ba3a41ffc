//! A storm: clients push in chunks and at once, move and delete tags, and pull, while the server is killed and started
//! again and again. Afterwards everything it acknowledged is there byte for byte, and nothing is visible by halves.
//!
//! `BERTH_STORM_SEED` repeats the choices of a run, though never its exact order: the clients race.

mod ledger;
mod puller;
mod pusher;

use std::{
    env,
    hash::{BuildHasher, RandomState},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use berth_tests::{
    Client, Document, Repository, Response, TestRegistry, client::RequestBuilder, for_each_backend,
};
use futures_util::future::join_all;
use tokio::time::sleep;

use self::{ledger::Ledger, puller::Puller, pusher::Pusher};

const KILLS: u64 = 6;
const PUSHERS: u64 = 12;
const PULLERS: u64 = 4;

/// What all clients share.
struct Storm {
    // Of the process that runs now, or of the one that was killed last.
    client: Mutex<Client>,
    over: AtomicBool,
    // What was acknowledged, with its repository, for those who pull.
    pushed: Mutex<Vec<(String, Document)>>,
    // Uploads that went on where a kill had cut them.
    resumed: AtomicUsize,
    // Answers that no crash explains.
    faults: Mutex<Vec<String>>,
}

impl Storm {
    fn repository(&self, name: &str) -> Repository {
        Repository::new(locked(&self.client).clone(), name)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn fault(&self, text: String) {
        locked(&self.faults).push(text);
    }

    /// Sends a request. `None`: the server was killed meanwhile, or answered what it never should, which is noted.
    async fn ask(&self, request: RequestBuilder, expected: &[u16]) -> Option<Response> {
        let Ok(answer) = request.try_send().await else {
            sleep(Duration::from_millis(50)).await;
            return None;
        };
        if expected.contains(&answer.status()) {
            return Some(answer);
        }
        self.fault(format!("{answer:?}"));
        None
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seeded choices: xorshift64.
struct Chance(u64);

impl Chance {
    fn new(seed: u64, stream: u64) -> Self {
        let mut chance = Self((seed ^ (stream + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1);
        for _ in 0..8 {
            chance.below(2);
        }
        chance
    }

    /// A number below this one.
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    /// A length from one to this.
    fn length(&mut self, most: u64) -> usize {
        usize::try_from(1 + self.below(most)).expect("a length")
    }

    /// One of these, if there are any.
    fn of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let length = u64::try_from(items.len()).expect("a length").max(1);
        items.get(usize::try_from(self.below(length)).expect("an index"))
    }
}

fn seed() -> u64 {
    match env::var_os("BERTH_STORM_SEED") {
        Some(seed) => seed
            .to_str()
            .and_then(|seed| seed.parse().ok())
            .expect("BERTH_STORM_SEED is a number"),
        None => RandomState::new().hash_one("storm"),
    }
}

/// Kills the server at any moment and starts it again, some times; then the storm is over.
async fn kill_again_and_again(registry: &mut TestRegistry, storm: &Storm, mut chance: Chance) {
    for _ in 0..KILLS {
        sleep(Duration::from_millis(3_000 + chance.below(6_000))).await;
        registry.kill_hard();
        sleep(Duration::from_millis(chance.below(300))).await;
        registry.restart().await;
        *locked(&storm.client) = registry.client();
    }
    sleep(Duration::from_secs(3)).await;
    storm.over.store(true, Ordering::Relaxed);
}

#[tokio::test]
#[ignore = "long: run by make test-long"]
async fn what_was_acknowledged_survives_every_kill() {
    for_each_backend(async |builder| {
        let seed = seed();
        eprintln!("storm: BERTH_STORM_SEED={seed}");
        let mut registry = builder.start().await;
        let storm = Storm {
            client: Mutex::new(registry.client()),
            over: AtomicBool::new(false),
            pushed: Mutex::default(),
            resumed: AtomicUsize::new(0),
            faults: Mutex::default(),
        };
        let chance = |stream| Chance::new(seed, stream);
        let pushers = (0..PUSHERS).map(|number| Pusher::new(&storm, number, chance(number)).run());
        let pullers =
            (0..PULLERS).map(|number| Puller::new(&storm, chance(PUSHERS + number)).run());
        let kills = kill_again_and_again(&mut registry, &storm, chance(PUSHERS + PULLERS));
        let (ledgers, pulls, ()) = tokio::join!(join_all(pushers), join_all(pullers), kills);

        // Once more, so that nothing is seen that only the memory of the process knew.
        registry.kill_hard();
        registry.restart().await;
        let client = registry.client();
        let losses: Vec<_> = join_all(ledgers.iter().map(|ledger| ledger.losses(&client))).await;
        let losses = losses.concat();
        let acknowledged: usize = ledgers.iter().map(Ledger::acknowledged).sum();
        let (kills, pulls) = (KILLS + 1, pulls.iter().sum::<usize>());
        let lost = losses.len();
        let resumed = storm.resumed.load(Ordering::Relaxed);
        eprintln!(
            "storm: {kills} kills, {acknowledged} acknowledged pushes, {resumed} uploads resumed, \
            {pulls} pulls, {lost} losses"
        );
        assert!(losses.is_empty(), "{}", losses.join("\n"));
        let faults = storm.faults.into_inner().expect("nobody panicked");
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert!(acknowledged > 100 && pulls > 100, "that was no storm");
    })
    .await;
}
