//! A registry under test: a real `berth serve` with a data directory of its own, which ends with the value.

mod builder;
mod process;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tempfile::TempDir;

pub use self::{
    builder::{Builder, Scheme},
    process::{Exit, Process},
};
use crate::{
    Client, Repository,
    backend::{Backend, SharedStores},
    metrics::Metrics,
    raw::RawConnection,
    snapshot::{Snapshot, stored_files},
};

/// A started registry.
#[derive(Debug)]
pub struct TestRegistry {
    builder: Builder,
    process: Process,
    // Owned here so that the data outlives restarts; `None` where the test brought its own directory.
    _directory: Option<TempDir>,
    data_directory: PathBuf,
}

impl TestRegistry {
    /// Describes a registry on the embedded backend.
    pub fn builder() -> Builder {
        Builder::new(Backend::Embedded)
    }

    /// Starts a registry with all defaults on the embedded backend.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A client of the registry's address.
    pub fn client(&self) -> Client {
        Client::new(self.process.addresses().registry)
    }

    /// A client of the admin address.
    pub fn admin(&self) -> Client {
        Client::new(self.process.addresses().admin)
    }

    /// One repository of this registry, through a client of its own.
    pub fn repository(&self, name: &str) -> Repository {
        Repository::new(self.client(), name)
    }

    /// Several repositories of this registry.
    pub fn repositories<const N: usize>(&self, names: [&str; N]) -> [Repository; N] {
        names.map(|name| self.repository(name))
    }

    /// A bare TCP connection, for requests that no HTTP client would send.
    pub async fn connect(&self) -> RawConnection {
        RawConnection::open(self.address()).await
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.process.addresses().registry
    }

    /// `localhost:PORT`, as real clients name it: most of them speak plain HTTP to that host and to no other.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.address().port())
    }

    /// Where its data lies.
    pub fn data_directory(&self) -> &Path {
        &self.data_directory
    }

    /// Every file of its data directory that is not the database, or every object of its bucket.
    pub async fn stored(&self) -> BTreeMap<PathBuf, u64> {
        match self.stores() {
            Some(stores) => stores.objects().await,
            None => stored_files(&self.data_directory),
        }
    }

    /// The stores that it shares with others, if they are of that kind.
    pub fn stores(&self) -> Option<&SharedStores> {
        self.builder.shared_stores()
    }

    /// What it has written to its standard output and error so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits until it has written this: what it writes comes through a pipe, a moment later than its answers.
    pub async fn wait_for_log(&self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(40);
        while !self.log().contains(text) {
            assert!(
                Instant::now() < deadline,
                "its log does not say {text:?}:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its process id.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The metrics as they are now.
    pub async fn metrics(&self) -> Metrics {
        Metrics::parse(
            self.admin()
                .get("/metrics")
                .send()
                .await
                .expect_status(200)
                .text(),
        )
    }

    /// All that a client and the file system can see of the store.
    pub async fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.client(), self.stored().await).await
    }

    /// Whether its process is there.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Ends it with SIGKILL, as a crash or a lost machine would.
    pub fn kill_hard(&mut self) {
        self.process.kill_hard();
    }

    /// Asks it to end, with SIGTERM, and returns at once.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Asks it to look at its certificates again, with SIGHUP.
    pub fn reload(&self) {
        self.process.signal(Signal::HUP);
    }

    /// Waits for the process to end by itself.
    pub async fn wait_for_exit(&mut self, limit: Duration) -> Exit {
        self.process.wait_for_exit(limit).await
    }

    /// Starts it again on the same data, after SIGTERM if it still runs. The ports change.
    pub async fn restart(&mut self) {
        if self.process.is_running() {
            self.process.signal(Signal::TERM);
            self.process.wait_for_exit(Duration::from_secs(20)).await;
        }
        self.process = self.builder.spawn(&self.data_directory).await;
    }
}
