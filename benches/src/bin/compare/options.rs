//! The command line.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::servers::Side;

/// Drives Berth and distribution in turns with the same load and prints what both cost.
#[derive(Debug, Parser)]
#[command(name = "compare", about, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// Whether distribution keeps in memory which blobs it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PeerCache {
    /// As its container image is configured.
    Memory,
    /// As without configuration: every check goes to the disk.
    None,
}

/// What this process is when it is not the generator.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Be the floor: read, hash, write and sync, and nothing else.
    #[command(hide = true)]
    Floor { directory: PathBuf },
}

/// What to measure, and against what.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Turns that each server gets for each line of the table.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,

    /// Length of a turn in seconds, for work that is not a fixed amount.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,

    /// Measure only lines whose key contains this; may be given several times.
    #[arg(long, value_name = "KEY")]
    pub(crate) only: Vec<String>,

    /// Print the keys and titles of all lines, and stop.
    #[arg(long)]
    pub(crate) list: bool,

    /// How many tags are present in the tag work.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "N,…",
        default_value = "3000,300000"
    )]
    pub(crate) tags: Vec<u32>,

    /// The most tags that distribution is given: at 300,000 its preparation takes a quarter hour.
    #[arg(long, default_value_t = 3000, value_name = "N")]
    pub(crate) peer_tags: u32,

    /// Images for the cold lines: each is visited once after a restart.
    #[arg(long, default_value_t = 4000, value_name = "N")]
    pub(crate) cold_images: u32,

    /// Simultaneous clients of the small work.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) clients: u32,

    /// Which servers to drive.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Side::ALL)]
    pub(crate) sides: Vec<Side>,

    /// Berth's binary; the one beside this binary if not given.
    #[arg(long, value_name = "PATH")]
    berth: Option<PathBuf>,

    /// Distribution's binary; from the test cache, else from PATH, if not given.
    #[arg(long, value_name = "PATH")]
    peer: Option<PathBuf>,

    /// Distribution's cache of blob descriptors.
    #[arg(long, value_enum, default_value_t = PeerCache::Memory)]
    pub(crate) peer_cache: PeerCache,

    /// Where the servers' fresh directories are made; must be on a real disk.
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,

    /// Also write every turn's figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Print the README's table instead of the wide one.
    #[arg(long)]
    pub(crate) markdown: bool,

    #[arg(long, env = "BERTH_TEST_CACHE", hide = true)]
    cache: Option<PathBuf>,

    #[arg(long, env = "HOME", hide = true)]
    home: Option<PathBuf>,

    #[arg(long, env = "PATH", hide = true, default_value = "")]
    search_path: OsString,
}

impl Options {
    pub(crate) fn turn(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Whether the line of this key is asked for.
    pub(crate) fn selects(&self, key: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| key.contains(part.as_str()))
    }

    /// The binary that plays a side.
    pub(crate) fn program(&self, side: Side) -> Result<PathBuf> {
        let own = std::env::current_exe().context("find this binary")?;
        match side {
            Side::Floor => Ok(own),
            Side::Berth => {
                let program = self
                    .berth
                    .clone()
                    .unwrap_or_else(|| own.with_file_name("berth"));
                ensure!(
                    program.is_file(),
                    "{} does not exist: run `cargo build --release -p berth`, or use --berth",
                    program.display()
                );
                Ok(program)
            }
            Side::Distribution => self.peer_program(),
        }
    }

    fn peer_program(&self) -> Result<PathBuf> {
        if let Some(program) = &self.peer {
            return Ok(program.clone());
        }
        let home_cache = || Some(self.home.as_ref()?.join(".cache/berth"));
        let cache = self.cache.clone().or_else(home_cache);
        let cached = cache.map(|cache| cache.join("tools/bin/registry"));
        let searched = std::env::split_paths(&self.search_path).map(|place| place.join("registry"));
        cached.into_iter().chain(searched).find(|program| program.is_file()).context(
            "distribution's `registry` was not found: run tests/tools/install bench, or use --peer",
        )
    }
}

/// Everything listens on, and connects to, this address only.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
