//! Where the figures were taken: without it they say nothing.

use std::fs;
use std::path::Path;

use serde::Serialize;

/// File system types of statfs(2) that people put scratch directories on.
const FILE_SYSTEMS: [(i64, &str); 6] = [
    (0xef53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x0102_1994, "tmpfs"),
    (0x794c_7630, "overlayfs"),
    (0x2fc1_2fc1, "zfs"),
];

/// The machine and the file system that the servers' directories are on.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    /// Whether the processor has instructions for SHA-256: hashing is four to five times faster.
    pub(crate) sha_instructions: bool,
    pub(crate) kernel: String,
    pub(crate) file_system: String,
}

impl Machine {
    pub(crate) fn describe(directory: &Path) -> Self {
        let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = information.lines().find(|line| line.starts_with(name))?;
            line.split_once(':').map(|(_, value)| value.trim())
        };
        let flags = field("flags").or(field("Features")).unwrap_or_default();
        Self {
            processor: field("model name")
                .unwrap_or("unknown processor")
                .to_owned(),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            sha_instructions: flags
                .split(' ')
                .any(|flag| flag == "sha_ni" || flag == "sha2"),
            kernel: rustix::system::uname()
                .release()
                .to_string_lossy()
                .into_owned(),
            file_system: file_system(directory),
        }
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        format!(
            "{} cores of {}, {} SHA instructions, Linux {}, data on {}",
            self.cores,
            self.processor,
            if self.sha_instructions {
                "with"
            } else {
                "without"
            },
            self.kernel,
            self.file_system,
        )
    }

    /// Syncing to memory is free, so durable figures from there mean nothing.
    pub(crate) fn syncs_to_a_disk(&self) -> bool {
        self.file_system != "tmpfs"
    }
}

fn file_system(directory: &Path) -> String {
    let Ok(statistics) = rustix::fs::statfs(directory) else {
        return "an unknown file system".to_owned();
    };
    let known = FILE_SYSTEMS
        .iter()
        .find(|(magic, _)| *magic == statistics.f_type);
    known.map_or_else(
        || format!("type {:#x}", statistics.f_type),
        |(_, name)| (*name).to_owned(),
    )
}
