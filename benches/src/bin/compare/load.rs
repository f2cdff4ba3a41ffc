//! A turn: some clients do one thing over and over on one server, and what that cost.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::proc::{Process, machine_cpu};
use crate::servers::{PerStore, Server};

/// After the last answer a server may still work for it, on freeing or flushing: it has this long
/// to do so on its own account before its CPU time is read.
const SETTLE: Duration = Duration::from_millis(100);

/// When a turn ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    Time(Duration),
    Operations(u64),
}

/// What a client found out about one operation beyond its length.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Done {
    /// Bytes of content that were moved.
    pub(crate) bytes: u64,
    /// How long the last step took, where it is looked at on its own.
    pub(crate) last_step: Option<Duration>,
}

/// What a turn cost.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) elapsed: Duration,
    /// One for each operation.
    pub(crate) latencies: Vec<Duration>,
    pub(crate) last_steps: Vec<Duration>,
    pub(crate) bytes: u64,
    pub(crate) server_cpu: Duration,
    /// That of the stores it stands on, if it does.
    pub(crate) stores_cpu: Option<PerStore<Duration>>,
    pub(crate) client_cpu: Duration,
    /// What the machine did besides: other processes, the kernel's write-back, a hypervisor.
    pub(crate) other_cpu: Duration,
    /// The server's, in KiB.
    pub(crate) peak_memory: u64,
}

/// Runs one thread for each client until the limit.
///
/// The clients are connected before; what they find out is summed. An error of any client fails
/// the turn: a figure that leaves out refused requests would flatter.
pub(crate) fn drive<C: Send>(
    server: &Server,
    clients: &mut [C],
    limit: Limit,
    operation: impl Fn(&mut C) -> Result<Done> + Sync,
) -> Result<Turn> {
    // What another server left to be written back is not this one's to wait for.
    rustix::fs::sync();
    server.process.reset_peak()?;
    let budget = Budget::of(limit);
    let start = Barrier::new(clients.len() + 1);
    let before = Spent::now(server)?;
    let (parts, elapsed) = thread::scope(|scope| {
        let work = |client| {
            start.wait();
            repeat(client, &budget, &operation)
        };
        let threads: Vec<_> = clients
            .iter_mut()
            .map(|client| scope.spawn(move || work(client)))
            .collect();
        start.wait();
        let started = Instant::now();
        let parts: Vec<_> = threads
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        (parts, started.elapsed())
    });
    let client_cpu = Process::own().cpu()?.saturating_sub(before.client);
    thread::sleep(SETTLE);
    let after = Spent::now(server)?;
    let server_cpu = after.server.saturating_sub(before.server);
    let stores_cpu = PerStore::since(after.stores, before.stores);
    let stores = stores_cpu.map_or(Duration::ZERO, PerStore::sum);
    let machine_cpu = after.machine.saturating_sub(before.machine);
    let mut turn = Turn {
        elapsed,
        client_cpu,
        server_cpu,
        stores_cpu,
        other_cpu: machine_cpu.saturating_sub(server_cpu + client_cpu + stores),
        peak_memory: server.process.peak()?,
        ..Turn::default()
    };
    for part in parts {
        let part = part.ok().context("a client panicked")??;
        turn.latencies.extend(part.latencies);
        turn.last_steps.extend(part.last_steps);
        turn.bytes += part.bytes;
    }
    Ok(turn)
}

/// CPU time up to now.
struct Spent {
    server: Duration,
    stores: Option<PerStore<Duration>>,
    client: Duration,
    machine: Duration,
}

impl Spent {
    fn now(server: &Server) -> Result<Self> {
        Ok(Self {
            server: server.process.cpu()?,
            stores: server.stores_cpu()?,
            client: Process::own().cpu()?,
            machine: machine_cpu()?,
        })
    }
}

/// What is left to do, shared by the clients of a turn.
struct Budget {
    limit: Limit,
    begun: AtomicU64,
}

impl Budget {
    fn of(limit: Limit) -> Self {
        Self {
            limit,
            begun: AtomicU64::new(0),
        }
    }

    /// Whether one more operation may begin.
    fn take(&self, since: Instant) -> bool {
        match self.limit {
            Limit::Time(length) => since.elapsed() < length,
            Limit::Operations(most) => self.begun.fetch_add(1, Ordering::Relaxed) < most,
        }
    }
}

fn repeat<C>(
    client: &mut C,
    budget: &Budget,
    operation: impl Fn(&mut C) -> Result<Done>,
) -> Result<Turn> {
    let mut part = Turn::default();
    let since = Instant::now();
    while budget.take(since) {
        let begun = Instant::now();
        let done = operation(client)?;
        part.latencies.push(begun.elapsed());
        part.last_steps.extend(done.last_step);
        part.bytes += done.bytes;
    }
    Ok(part)
}
