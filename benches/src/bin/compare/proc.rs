//! What the kernel says of a process: CPU time, memory in use and its peak (proc(5)).
//!
//! CPU time is read from the process and not from the machine, so that the generator and whatever
//! else runs is not counted. Its resolution is the clock tick, mostly 10 ms: figures come from
//! turns that cost the server hundreds of them.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// A process to look at.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    directory: PathBuf,
}

impl Process {
    pub(crate) fn of(id: u32) -> Self {
        Self {
            directory: PathBuf::from(format!("/proc/{id}")),
        }
    }

    pub(crate) fn own() -> Self {
        Self {
            directory: PathBuf::from("/proc/self"),
        }
    }

    /// User and system time of all threads, and of the children that were waited for.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let ticks = ticks_of(&self.read("stat")?).context("read CPU time")?;
        Ok(duration_of(ticks))
    }

    /// Resident memory now, in KiB.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.status("VmRSS")
    }

    /// The most memory that was resident since [`Process::reset_peak`], in KiB.
    pub(crate) fn peak(&self) -> Result<u64> {
        self.status("VmHWM")
    }

    /// Forgets the peak: 5 does this, and nothing else.
    pub(crate) fn reset_peak(&self) -> Result<()> {
        fs::write(self.directory.join("clear_refs"), "5").context("reset the memory peak")
    }

    fn status(&self, name: &str) -> Result<u64> {
        kibibytes_of(&self.read("status")?, name).with_context(|| format!("read {name}"))
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = self.directory.join(name);
        fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    }
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

/// utime, stime, cutime and cstime, fields 14 to 17. The second field is the program's name, which
/// may contain spaces and parentheses: counting starts behind its last one.
fn ticks_of(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: Vec<u64> = fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .map_while(|field| field.parse().ok())
        .collect();
    (ticks.len() == 4).then(|| ticks.iter().sum())
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
        assert_eq!(ticks_of(stat), Some(127));
        assert_eq!(ticks_of("77 (x) S 1 2"), None);
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
