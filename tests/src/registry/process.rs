//! The server's process: what it prints, where it listens, how it ends. It is killed when the value is dropped, and
//! what it printed is shown when the test has failed.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Where a server listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    /// The registry itself.
    pub(super) registry: SocketAddr,
    /// Probes and metrics.
    pub(super) admin: SocketAddr,
}

/// How a server ended.
#[derive(Clone, Debug)]
pub struct Exit {
    /// Its exit status.
    pub status: ExitStatus,
    /// All that it printed.
    pub output: String,
}

impl Exit {
    /// Asserts that it refused to start and said why in all of these words.
    #[track_caller]
    pub fn expect_refusal(&self, words: &[&str]) {
        assert!(
            !self.status.success(),
            "it should have refused to start:\n{}",
            self.output
        );
        assert!(
            self.status.code().is_some(),
            "it was ended by a signal ({}):\n{}",
            self.status,
            self.output
        );
        assert!(
            !self.output.contains("panicked at"),
            "it panicked:\n{}",
            self.output
        );
        let output = self.output.to_lowercase();
        for word in words {
            assert!(
                output.contains(&word.to_lowercase()),
                "its refusal does not say {word:?}:\n{}",
                self.output
            );
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
    readers: Vec<thread::JoinHandle<()>>,
    addresses: Option<Addresses>,
}

impl Process {
    pub(super) fn spawn(mut command: Command) -> Self {
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let log = Arc::default();
        let stdout = child.stdout.take().map(|stream| read_lines(stream, &log));
        let stderr = child.stderr.take().map(|stream| read_lines(stream, &log));
        Self {
            child,
            log,
            readers: stdout.into_iter().chain(stderr).collect(),
            addresses: None,
        }
    }

    pub(super) fn addresses(&self) -> Addresses {
        self.addresses
            .expect("the addresses are known once the server has started")
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn log(&self) -> String {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) async fn wait_until_listening(&mut self) {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            if let Some(addresses) = self.log().lines().find_map(addresses_in) {
                self.addresses = Some(addresses);
                return;
            }
            let running = self.is_running();
            if !running || Instant::now() > deadline {
                let state = if running { "is not ready" } else { "ended" };
                panic!(
                    "the server {state} without saying where it listens:\n{}",
                    self.log()
                );
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("the server can be waited for")
            .is_none()
    }

    pub(super) fn kill_hard(&mut self) {
        self.child.kill().expect("the server can be killed");
        self.child.wait().expect("the server can be waited for");
    }

    pub(super) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id");
        kill_process(id, signal).expect("the server can be signalled");
    }

    pub(super) async fn wait_for_exit(&mut self, limit: Duration) -> Exit {
        let deadline = Instant::now() + limit;
        while self.is_running() {
            assert!(
                Instant::now() < deadline,
                "the server did not end within {limit:?}:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for reader in self.readers.drain(..) {
            reader.join().expect("the output is read to its end");
        }
        Exit {
            status: self.child.wait().expect("the server can be waited for"),
            output: self.log(),
        }
    }
}

impl Drop for Process {
    #[expect(
        clippy::print_stderr,
        reason = "the server's log belongs to the output of a failed test"
    )]
    fn drop(&mut self) {
        // Either fails when the process has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- what the server printed\n{}---", self.log());
        }
    }
}

fn read_lines(
    stream: impl Read + Send + 'static,
    log: &Arc<Mutex<String>>,
) -> thread::JoinHandle<()> {
    let log = Arc::clone(log);
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream
            .read_until(b'\n', &mut line)
            .is_ok_and(|length| length > 0)
        {
            log.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}

/// Finds `ready registry=http://ADDRESS admin=http://ADDRESS` in a line.
fn addresses_in(line: &str) -> Option<Addresses> {
    let (_, rest) = line.split_once("ready registry=")?;
    let (registry, rest) = rest.split_once(" admin=")?;
    Some(Addresses {
        registry: address_in(registry)?,
        admin: address_in(rest)?,
    })
}

fn address_in(url: &str) -> Option<SocketAddr> {
    let (_, authority) = url.trim().split_once("://")?;
    authority.split(['/', ' ']).next()?.parse().ok()
}
