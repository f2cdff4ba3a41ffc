//! What the probes ask: whether the process has started, and whether it should get requests.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::join_all;

/// How long one check may take before it counts as failed: probes themselves give up soon after.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Something without which requests, or some of them, cannot be served.
#[async_trait]
pub trait ReadinessCheck: Send + Sync + 'static {
    /// A short name, such as `metadata`.
    fn name(&self) -> &'static str;

    /// Whether the process should get no requests at all while the check fails. Where it is still of
    /// use, the failure is shown and it stays ready.
    fn is_essential(&self) -> bool {
        true
    }

    /// Succeeds, or says in a few words for the operator why not.
    async fn check(&self) -> Result<(), String>;
}

/// The health of the process.
pub struct Health {
    checks: Vec<Arc<dyn ReadinessCheck>>,
    started: AtomicBool,
    draining: AtomicBool,
}

/// How one check came out.
#[derive(Debug)]
pub(super) struct CheckResult {
    pub(super) name: &'static str,
    pub(super) outcome: Outcome,
}

/// What a check means for the process.
#[derive(Debug)]
pub(super) enum Outcome {
    /// All is well.
    Ok,
    /// Some requests fail, for this reason.
    Degraded(String),
    /// It should get no requests, for this reason.
    Failed(String),
}

impl Health {
    /// A process that has not started yet, and what its readiness hangs on.
    pub fn new(checks: Vec<Arc<dyn ReadinessCheck>>) -> Self {
        Self {
            checks,
            started: AtomicBool::new(false),
            draining: AtomicBool::new(false),
        }
    }

    /// Start-up is over.
    pub fn has_started(&self) {
        self.started.store(true, Ordering::Release);
    }

    /// New requests shall go elsewhere: the readiness probe fails from now on.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    pub(super) fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// All results, at once for all checks.
    pub(super) async fn readiness(&self) -> Vec<CheckResult> {
        let mut results = vec![
            state("started", self.is_started(), "still starting"),
            state(
                "not-draining",
                !self.draining.load(Ordering::Acquire),
                "shutting down",
            ),
        ];
        results.extend(join_all(self.checks.iter().map(run)).await);
        results
    }
}

fn state(name: &'static str, holds: bool, otherwise: &str) -> CheckResult {
    let outcome = if holds {
        Outcome::Ok
    } else {
        Outcome::Failed(otherwise.to_owned())
    };
    CheckResult { name, outcome }
}

async fn run(check: &Arc<dyn ReadinessCheck>) -> CheckResult {
    let answer = tokio::time::timeout(CHECK_TIMEOUT, check.check())
        .await
        .unwrap_or_else(|_elapsed| Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())));
    let outcome = match answer {
        Ok(()) => Outcome::Ok,
        Err(reason) if check.is_essential() => Outcome::Failed(reason),
        Err(reason) => Outcome::Degraded(reason),
    };
    CheckResult {
        name: check.name(),
        outcome,
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checks: Vec<_> = self.checks.iter().map(|check| check.name()).collect();
        formatter
            .debug_struct("Health")
            .field("checks", &checks)
            .field("started", &self.started)
            .field("draining", &self.draining)
            .finish()
    }
}
