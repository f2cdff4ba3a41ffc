//! A server from its start to its end: when it is ready, how it is stopped, killed and started again on the same port
//! and data, and what it printed when the test has failed.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tokio::{net::TcpStream, time::sleep};

use crate::{http, launch::Launch, process::Process};

/// Long enough for any server on a busy machine: only one that hangs reaches it.
const START_LIMIT: Duration = Duration::from_mins(1);

/// How long a server may take to end in good order before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// How much of a log is shown when a test fails.
const SHOWN_LINES: usize = 60;

/// How one sees that a server is ready.
#[derive(Clone, Debug)]
pub(crate) enum Readiness {
    /// It accepts connections on this port.
    Listens(u16),
    /// Each of these ports answers 200 to a GET of the path.
    Answers(Vec<(u16, &'static str)>),
    /// PostgreSQL says so in the file `postmaster.pid`.
    Postmaster(PathBuf),
}

/// A server that may run or not.
#[derive(Debug)]
pub(crate) struct Service {
    launch: Launch,
    readiness: Readiness,
    stop_signal: Signal,
    process: Option<Process>,
}

impl Service {
    /// Starts a server and waits until it is ready. The signal is what ends it in good order.
    pub(crate) async fn start(launch: Launch, readiness: Readiness, stop_signal: Signal) -> Self {
        let mut service = Self {
            launch,
            readiness,
            stop_signal,
            process: None,
        };
        service.start_again().await;
        service
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn start_again(&mut self) {
        if let Err(reason) = self.try_start().await {
            panic!("{reason}:\n{}", self.end_of_log());
        }
    }

    /// Starts it and waits until it is ready, or says that it ended instead.
    pub(crate) async fn try_start(&mut self) -> Result<(), String> {
        assert!(self.process.is_none(), "the server runs already");
        let command = self.launch.command();
        let name = format!("{command:?}");
        let process = Process::spawn(command)
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let process = self.process.insert(process);
        let deadline = Instant::now() + START_LIMIT;
        while !self.readiness.holds(process.id()).await {
            if let Some(status) = process.ended() {
                self.process = None;
                return Err(format!("{name} ended before it was ready ({status})"));
            }
            assert!(
                Instant::now() < deadline,
                "{name} is not ready after {START_LIMIT:?}:\n{}",
                end_of(&self.launch.printed())
            );
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Ends it in good order and leaves it down; nothing when it is down already.
    pub(crate) async fn stop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        process.signal(self.stop_signal);
        let deadline = Instant::now() + STOP_LIMIT;
        while process.ended().is_none() {
            if Instant::now() > deadline {
                process.kill();
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Kills it as a crash would and leaves it down.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Sends a signal to the running server.
    pub(crate) fn signal(&self, signal: Signal) {
        let process = self.process.as_ref();
        process.expect("the server runs").signal(signal);
    }

    /// All that it has printed, over all of its starts.
    pub(crate) fn log(&self) -> String {
        self.launch.printed()
    }

    /// What it printed last: as much as helps in the output of a failed test.
    pub(crate) fn end_of_log(&self) -> String {
        end_of(&self.launch.printed())
    }
}

fn end_of(log: &str) -> String {
    let lines = log.lines().collect::<Vec<_>>();
    let first = lines.len().saturating_sub(SHOWN_LINES);
    lines[first..].join("\n")
}

impl Launch {
    fn printed(&self) -> String {
        fs::read(self.log())
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }
}

impl Readiness {
    async fn holds(&self, process: u32) -> bool {
        match self {
            Self::Listens(port) => TcpStream::connect(("127.0.0.1", *port)).await.is_ok(),
            Self::Answers(pages) => {
                for (port, path) in pages {
                    let answer = http::request(*port, "GET", path, "").await;
                    if !answer.is_ok_and(|answer| answer.status == 200) {
                        return false;
                    }
                }
                true
            }
            // The file of an earlier start may still be there: it names another process.
            Self::Postmaster(file) => {
                let text = fs::read_to_string(file).unwrap_or_default();
                let line = |number: usize| text.lines().nth(number).unwrap_or_default().trim();
                line(0) == process.to_string() && line(7) == "ready"
            }
        }
    }
}

impl Drop for Service {
    #[expect(
        clippy::print_stderr,
        reason = "the server's log belongs to the output of a failed test"
    )]
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(self.stop_signal);
            if !process.wait_blocking(STOP_LIMIT) {
                process.kill();
            }
        }
        if thread::panicking() {
            let directory = self.launch.directory().display();
            eprintln!("--- {directory}\n{}\n---", self.end_of_log());
        }
        // What cannot be removed now is removed when the test process ends.
        let _ = fs::remove_dir_all(self.launch.directory());
    }
}
