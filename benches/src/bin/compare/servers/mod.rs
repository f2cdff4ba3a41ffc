//! The processes under load: how each is started on a fresh directory, found, and ended.
//!
//! All run with their defaults, without TLS, and log to a file: warnings and one access line a
//! request for both registries. None inherits this process's environment, so a variable set for
//! something else changes no figure.

mod directories;
mod launch;
mod spawn;
mod stores;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use serde::Serialize;

use crate::client::Connection;
use crate::options::{Options, Stores};
use crate::proc::Process;
pub(crate) use directories::Directories;
use launch::Launch;
use stores::Lent;
pub(crate) use stores::{PerStore, SharedStores};

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

/// What servers are started with: where each gets its fresh place.
pub(crate) struct Ground {
    pub(crate) directories: Directories,
    /// Absent where registries keep everything in their directories.
    pub(crate) stores: Option<SharedStores>,
}

impl Ground {
    pub(crate) fn prepare(options: &Options) -> Result<Self> {
        let stores = match options.stores {
            Stores::Local => None,
            Stores::Shared => Some(SharedStores::start(options)?),
        };
        Ok(Self {
            directories: Directories::new(options)?,
            stores,
        })
    }
}

/// A running server with a directory of its own.
pub(crate) struct Server {
    pub(crate) side: Side,
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    child: Child,
    launch: Launch,
}

impl Server {
    /// Starts a side on a fresh directory, with fresh stores if there are any, and waits until it
    /// answers.
    pub(crate) fn start(side: Side, options: &Options, ground: &Ground) -> Result<Self> {
        let launch = Launch {
            side,
            program: options.program(side)?,
            peer_cache: options.peer_cache,
            directory: ground.directories.fresh(side)?,
            lent: ground.stores.as_ref().map(SharedStores::lend),
        };
        let (child, address) = launch.start()?;
        let process = Process::of(child.id());
        Ok(Self {
            side,
            address,
            process,
            child,
            launch,
        })
    }

    /// Ends the process as an operator would and starts it again on the same directory.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.terminate()?;
        let (child, address) = self.launch.start()?;
        self.process = Process::of(child.id());
        self.child = child;
        self.address = address;
        Ok(())
    }

    /// A new connection to the server.
    pub(crate) fn connect(&self) -> Result<Connection> {
        Connection::open(self.address)
    }

    /// Gives back the memory in which the kernel keeps its large files, so that whoever writes next
    /// finds as much that is free, and as warm, as everybody else.
    pub(crate) fn forget_large_files(&self) -> Result<()> {
        for directory in self.launch.directories() {
            directories::forget_large_files(directory)?;
        }
        Ok(())
    }

    /// Gives back the space of its large files: no blob can be read any more that was pushed before.
    pub(crate) fn empty_large_files(&self) -> Result<()> {
        for directory in self.launch.directories() {
            directories::empty_large_files(directory)
                .with_context(|| format!("{} keeps its space", directory.display()))?;
        }
        Ok(())
    }

    /// CPU time that its stores have spent up to now, where it has stores.
    pub(crate) fn stores_cpu(&self) -> Result<Option<PerStore<Duration>>> {
        self.launch.lent.as_ref().map(Lent::cpu).transpose()
    }

    /// The end of its log.
    pub(crate) fn last_lines(&self) -> String {
        spawn::last_lines(&self.launch.directory)
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
    /// Nobody looks at its data again, so there is nothing to end gently for. A server that has
    /// ended already cannot be killed, which is as good.
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = self.empty_large_files() {
            eprintln!("{error:#}");
        }
    }
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
