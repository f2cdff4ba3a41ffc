//! What the bucket answers in a storm: most of the time what it should.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use berth_test_servers::{
    FaultProxy,
    fault_proxy::{Fault, Operation, Request},
};
use berth_tests::storm::Chance;

/// How often a fault happens, as how many of a thousand requests it meets.
#[derive(Clone, Copy)]
pub(super) enum Intensity {
    /// Now and then: what the client of the bucket tries again.
    Light = 1,
    /// So often that trying again is of no use.
    Heavy = 6,
}

/// Faults at random, counted by their names.
#[derive(Clone)]
pub(super) struct Faults {
    state: Arc<Mutex<State>>,
}

struct State {
    chance: Chance,
    count: BTreeMap<&'static str, usize>,
}

impl Faults {
    pub(super) fn new(chance: Chance) -> Self {
        let count = BTreeMap::new();
        Self {
            state: Arc::new(Mutex::new(State { chance, count })),
        }
    }

    /// Lets the proxy do them from now on.
    pub(super) fn begin(&self, proxy: &FaultProxy, intensity: Intensity) {
        let faults = self.clone();
        proxy.rule(move |request| faults.choose(request, intensity));
    }

    /// How many there were, by name.
    pub(super) fn count(&self) -> BTreeMap<&'static str, usize> {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .count
            .clone()
    }

    fn choose(&self, request: &Request, intensity: Intensity) -> Fault {
        // A pod that cannot write this does not start; it would be started again until it can.
        if request.target.contains("berth-probe") {
            return Fault::Pass;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, fault) = state.draw(request.operation, intensity as u64);
        if fault != Fault::Pass {
            *state.count.entry(name).or_default() += 1;
        }
        fault
    }
}

impl State {
    fn draw(&mut self, operation: Operation, intensity: u64) -> (&'static str, Fault) {
        let long = matches!(
            operation,
            Operation::CompleteMultipartUpload | Operation::UploadPartCopy
        );
        let delay = Duration::from_millis(50 + self.chance.below(400));
        let cut = self.chance.length(0, 200_000);
        let table = [
            (15, "500", Fault::Fail),
            (15, "503", Fault::SlowDown),
            (15, "done, but 500", Fault::LoseAnswer),
            (20, "duplicate", Fault::Duplicate),
            (10, "disconnected", Fault::Disconnect),
            (10, "answer cut", Fault::CutAnswer(cut)),
            (30, "delay", Fault::Delay(delay)),
            (
                if long { 150 } else { 0 },
                "200 with error",
                Fault::ErrorInBody,
            ),
        ];
        let mut roll = self.chance.below(1_000);
        for (share, name, fault) in table {
            match roll.checked_sub(share * intensity) {
                Some(rest) => roll = rest,
                None => return (name, fault),
            }
        }
        ("none", Fault::Pass)
    }
}
