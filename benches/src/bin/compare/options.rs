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

/// Where the registries keep what they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stores {
    /// Each in a directory of its own.
    Local,
    /// Berth in PostgreSQL and on S3, distribution on S3; in the same S3 server.
    Shared,
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
    /// Where the registries keep their data; each kind has lines of its own.
    #[arg(long, value_enum, default_value_t = Stores::Local)]
    pub(crate) stores: Stores,

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

    /// How many tags are present in the tag work: 3000 and 300000 if not given, 3000 on shared stores.
    #[arg(long, value_delimiter = ',', value_name = "N,…")]
    tags: Vec<u32>,

    /// The most tags that distribution is given: 3000 if not given, 500 on shared stores. Preparing
    /// 300,000 takes it a quarter hour, and on S3 a page of a long list takes it seconds.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    peer_tags: Option<u32>,

    /// Also push 5 GiB in one piece; takes up to 15 GiB of disk.
    #[arg(long)]
    pub(crate) huge: bool,

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

    /// Where the servers' fresh directories are made; must be on a real disk, and for shared stores
    /// PostgreSQL's user must be able to get there.
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

    /// How many tags are present, for each time that the tag work is done.
    pub(crate) fn tags(&self) -> &[u32] {
        match self.stores {
            _ if !self.tags.is_empty() => &self.tags,
            Stores::Local => &[3_000, 300_000],
            Stores::Shared => &[3_000],
        }
    }

    /// The most tags that distribution is given.
    pub(crate) fn peer_tags(&self) -> u32 {
        self.peer_tags.unwrap_or(match self.stores {
            Stores::Local => 3_000,
            Stores::Shared => 500,
        })
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
        self.tool("registry").context(
            "distribution's `registry` was not found: run tests/tools/install bench, or use --peer",
        )
    }

    /// A program that `tests/tools/install` brings: from its cache, else from PATH.
    pub(crate) fn tool(&self, name: &str) -> Option<PathBuf> {
        let cached = self.tools().map(|tools| tools.join("bin").join(name));
        let searched = std::env::split_paths(&self.search_path).map(|place| place.join(name));
        cached
            .into_iter()
            .chain(searched)
            .find(|program| program.is_file())
    }

    /// Which version of a tool `tests/tools/install` put into its cache.
    pub(crate) fn tool_version(&self, name: &str) -> String {
        let file = self.tools().map(|tools| tools.join("versions").join(name));
        let version = file.and_then(|file| std::fs::read_to_string(file).ok());
        version.map_or_else(
            || "of unknown version".to_owned(),
            |text| text.trim().to_owned(),
        )
    }

    fn tools(&self) -> Option<PathBuf> {
        let home_cache = || Some(self.home.as_ref()?.join(".cache/berth"));
        let cache = self.cache.clone().or_else(home_cache)?;
        Some(cache.join("tools"))
    }
}

/// Everything listens on, and connects to, this address only.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
