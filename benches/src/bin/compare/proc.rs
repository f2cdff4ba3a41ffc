//! What the kernel says of a process: CPU time, memory in use and its peak (proc(5)).
//!
//! CPU time is read from the process and not from the machine, so that the generator and whatever
//! else runs is not counted. Its resolution is the clock tick, mostly 10 ms: figures come from
//! turns that cost the server hundreds of them.

use std::fs;
use std::io;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// A process to look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process {
    id: u32,
}

impl Process {
    pub(crate) fn of(id: u32) -> Self {
        Self { id }
    }

    pub(crate) fn own() -> Self {
        Self::of(std::process::id())
    }

    /// The one child of this process that runs a program of that name.
    pub(crate) fn own_child(program: &str) -> Result<Self> {
        let parent = std::process::id();
        let processes = processes()?;
        let mut found = processes
            .iter()
            .filter(|process| process.stat.parent == parent && process.stat.name == program);
        let child = found
            .next()
            .with_context(|| format!("find {program} among the children of this process"))?;
        Ok(Self::of(child.id))
    }

    /// User and system time of all threads, and of the children that were waited for.
    pub(crate) fn cpu(self) -> Result<Duration> {
        let stat = Stat::parse(&self.read("stat")?).context("read CPU time")?;
        Ok(duration_of(stat.ticks))
    }

    /// The same with the children that run now: PostgreSQL has one for each connection. One that ends
    /// is waited for, so that its time is not lost.
    pub(crate) fn cpu_with_children(self) -> Result<Duration> {
        let processes = processes()?;
        let family = processes
            .iter()
            .filter(|process| process.id == self.id || process.stat.parent == self.id);
        Ok(duration_of(family.map(|process| process.stat.ticks).sum()))
    }

    /// Resident memory now, in KiB.
    pub(crate) fn resident(self) -> Result<u64> {
        self.status("VmRSS")
    }

    /// The most memory that was resident since [`Process::reset_peak`], in KiB.
    pub(crate) fn peak(self) -> Result<u64> {
        self.status("VmHWM")
    }

    /// Forgets the peak: 5 does this, and nothing else.
    pub(crate) fn reset_peak(self) -> Result<()> {
        fs::write(self.path("clear_refs"), "5").context("reset the memory peak")
    }

    fn status(self, name: &str) -> Result<u64> {
        kibibytes_of(&self.read("status")?, name).with_context(|| format!("read {name}"))
    }

    fn read(self, name: &str) -> Result<String> {
        let path = self.path(name);
        fs::read_to_string(&path).with_context(|| format!("read {path}"))
    }

    fn path(self, name: &str) -> String {
        format!("/proc/{}/{name}", self.id)
    }
}

/// A process that was seen among all others.
struct Seen {
    id: u32,
    stat: Stat,
}

/// All processes of the machine.
fn processes() -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for entry in fs::read_dir("/proc").context("list the processes")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        match fs::read_to_string(Process::of(id).path("stat")) {
            Ok(stat) => seen.push(Seen {
                id,
                stat: Stat::parse(&stat).context("read a process's state")?,
            }),
            Err(error) if has_ended(&error) => {}
            Err(error) => return Err(error).context("read a process's state"),
        }
    }
    Ok(seen)
}

/// Whether the process went away between its name and its state.
fn has_ended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// What all processors of the machine have worked so far, for whomever; waiting is not work.
pub(crate) fn machine_cpu() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat").context("read /proc/stat")?;
    Ok(duration_of(
        busy_ticks_of(&stat).context("read the machine's CPU time")?,
    ))
}

fn duration_of(ticks: u64) -> Duration {
    Duration::from_nanos(ticks * 1_000_000_000 / rustix::param::clock_ticks_per_second())
}

/// The first line: user, nice, system, idle, iowait, irq, softirq, steal.
fn busy_ticks_of(stat: &str) -> Option<u64> {
    let fields = stat
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_whitespace();
    let ticks: Vec<u64> = fields
        .map_while(|field| field.parse().ok())
        .take(8)
        .collect();
    (ticks.len() == 8).then(|| ticks.iter().sum::<u64>() - ticks[3] - ticks[4])
}

/// What `/proc/PID/stat` says.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    name: String,
    parent: u32,
    /// utime, stime, cutime and cstime, fields 14 to 17.
    ticks: u64,
}

impl Stat {
    /// The second field is the program's name, which may contain spaces and parentheses: counting
    /// starts behind its last one.
    fn parse(stat: &str) -> Option<Self> {
        let (named, fields) = stat.rsplit_once(')')?;
        let (_, name) = named.split_once('(')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u64>());
        Some(Self {
            name: name.to_owned(),
            parent: fields.get(1)?.parse().ok()?,
            ticks: ticks.sum::<Result<u64, _>>().ok()?,
        })
    }
}

fn kibibytes_of(status: &str, name: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_counted_behind_a_hostile_name() {
        let stat = "77 (a) 1 (b c) S 1 2 3 4 5 6 7 8 9 10 100 20 3 4 0 0 9 0";
        let expected = Stat {
            name: "a) 1 (b c".to_owned(),
            parent: 1,
            ticks: 127,
        };
        assert_eq!(Stat::parse(stat), Some(expected));
        assert_eq!(Stat::parse("77 (x) S 1 2"), None);
    }

    #[test]
    fn running_children_count() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .spawn()
            .unwrap();
        let found = Process::own_child("sh").unwrap();
        assert_eq!(found.id, child.id());
        while found.cpu().unwrap() < Duration::from_millis(50) {
            std::thread::yield_now();
        }
        let both = Process::own().cpu().unwrap() + found.cpu().unwrap();
        assert!(Process::own().cpu_with_children().unwrap() >= both);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(Process::own_child("sh").is_err());
    }

    #[test]
    fn waiting_is_not_work() {
        let stat = "cpu  10 20 30 4000 5000 1 2 3 99 99\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(busy_ticks_of(stat), Some(66));
        assert_eq!(busy_ticks_of("cpu  1 2\n"), None);
    }

    #[test]
    fn memory_lines_are_told_apart_by_their_whole_name() {
        let status = "VmHWMx:\t  1 kB\nVmHWM:\t   20480 kB\nVmRSS:\t     300 kB\n";
        assert_eq!(kibibytes_of(status, "VmHWM"), Some(20_480));
        assert_eq!(kibibytes_of(status, "VmRSS"), Some(300));
        assert_eq!(kibibytes_of(status, "VmSwap"), None);
    }

    #[test]
    fn own_process_is_readable() {
        let own = Process::own();
        let mut spent = Vec::new();
        while own.cpu().unwrap() < Duration::from_millis(20) {
            spent.push(vec![1_u8; 4096]);
        }
        own.reset_peak().unwrap();
        assert!(own.peak().unwrap() >= own.resident().unwrap() / 2);
    }
}
