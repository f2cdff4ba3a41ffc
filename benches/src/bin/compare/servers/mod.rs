//! The processes under load: how each is started on a fresh directory, found, and ended.
//!
//! All run with their defaults, without TLS, and log to a file: warnings and one access line a
//! request for both registries. None inherits this process's environment, so a variable set for
//! something else changes no figure.

mod spawn;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use serde::Serialize;
use tempfile::TempDir;

use crate::client::{Answer, Connection};
use crate::options::{LOOPBACK, Options};
use crate::proc::Process;

/// How long a server may take to start or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks at a starting or ending server.
const GLANCE: Duration = Duration::from_millis(20);

/// Who is under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Berth,
    Distribution,
    Floor,
}

impl Side {
    pub(crate) const ALL: [Self; 3] = [Self::Berth, Self::Distribution, Self::Floor];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Berth => "berth",
            Self::Distribution => "distribution",
            Self::Floor => "floor",
        }
    }
}

/// A running server with a directory of its own.
pub(crate) struct Server {
    pub(crate) side: Side,
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    program: PathBuf,
    child: Child,
    directory: TempDir,
}

impl Server {
    /// Starts a side on a fresh directory and waits until it answers.
    pub(crate) fn start(side: Side, options: &Options) -> Result<Self> {
        let program = options.program(side)?;
        let mut place = tempfile::Builder::new();
        place.prefix("berth-compare-");
        let directory = match &options.directory {
            Some(parent) => place.tempdir_in(parent),
            None => place.tempdir(),
        }
        .context("make a fresh directory")?;
        let (child, address) = launch(side, &program, directory.path())?;
        let process = Process::of(child.id());
        Ok(Self {
            side,
            address,
            process,
            program,
            child,
            directory,
        })
    }

    /// Ends the process as an operator would and starts it again on the same directory.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.terminate()?;
        let (child, address) = launch(self.side, &self.program, self.directory.path())?;
        self.process = Process::of(child.id());
        self.child = child;
        self.address = address;
        Ok(())
    }

    /// A new connection to the server.
    pub(crate) fn connect(&self) -> Result<Connection> {
        Connection::open(self.address)
    }

    fn terminate(&mut self) -> Result<()> {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)?;
        let patience = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > patience {
                bail!("{} does not end after SIGTERM", self.side.name());
            }
            thread::sleep(GLANCE);
        }
        Ok(())
    }
}

impl Drop for Server {
    /// Its directory goes with it, so there is nothing to end gently for. A server that has ended
    /// already cannot be killed, which is as good.
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn launch(side: Side, program: &Path, directory: &Path) -> Result<(Child, SocketAddr)> {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", directory);
    let expected = match side {
        Side::Berth => {
            command
                .args([
                    "serve",
                    "--listen",
                    "127.0.0.1:0",
                    "--admin-listen",
                    "127.0.0.1:0",
                ])
                .arg("--data-dir")
                .arg(directory.join("data"));
            None
        }
        Side::Floor => {
            command.arg("floor").arg(directory);
            None
        }
        Side::Distribution => {
            let address = free_address()?;
            let file = directory.join("registry.yml");
            fs::write(&file, distribution_configuration(address, directory))?;
            command
                .arg("serve")
                .arg(&file)
                .env("OTEL_TRACES_EXPORTER", "none");
            Some(address)
        }
    };
    let mut started = spawn::Started::new(command, directory)?;
    let address = match expected {
        Some(address) => started.wait_until(|_| Ok(answers(address).then_some(address)))?,
        None => started.wait_until(spawn::printed_address)?,
    };
    Ok((started.into_child(), address))
}

/// The configuration of distribution's own container image, at this address and on this directory.
fn distribution_configuration(address: SocketAddr, directory: &Path) -> String {
    format!(
        "version: 0.1\n\
         log: {{level: warn}}\n\
         storage:\n  \
           cache: {{blobdescriptor: inmemory}}\n  \
           filesystem: {{rootdirectory: \"{}\"}}\n  \
           delete: {{enabled: true}}\n\
         http: {{addr: \"{address}\", secret: compare}}\n",
        directory.join("data").display()
    )
}

/// Distribution cannot tell which port it took, so one is found for it.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((LOOPBACK, 0))?.local_addr()?)
}

fn answers(address: SocketAddr) -> bool {
    let request = format!("GET /v2/ HTTP/1.1\r\nHost: {address}\r\n\r\n");
    Connection::open(address).is_ok_and(|mut connection| {
        let response = connection.exchange(request.as_bytes(), Answer::WithBody);
        response.is_ok_and(|response| response.head.status == 200)
    })
}

/// What a program says of its version, for the report.
pub(crate) fn version(program: &Path) -> Result<String> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .with_context(|| format!("run {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .lines()
        .next()
        .unwrap_or("unknown version")
        .trim()
        .to_owned())
}
