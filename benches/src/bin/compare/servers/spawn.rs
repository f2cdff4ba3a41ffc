//! A process that has been started and is not known to serve yet.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::{GLANCE, PATIENCE};

/// Where a process's standard output goes, in its directory.
const OUTPUT: &str = "output.log";

/// Where its standard error goes.
const ERRORS: &str = "errors.log";

/// Lines of a log that are shown when its process failed; access lines are long.
const SHOWN_LINES: usize = 8;

/// It is killed unless it is taken with [`Started::into_child`].
pub(super) struct Started {
    child: Option<Child>,
    directory: PathBuf,
}

impl Started {
    /// Its output goes to files: a pipe would have to be read by the generator. A restart writes
    /// them anew, so that the address of an earlier start is not found in them.
    pub(super) fn new(mut command: Command, directory: &Path) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(directory.join(OUTPUT))?)
            .stderr(File::create(directory.join(ERRORS))?)
            .spawn()
            .with_context(|| format!("start {}", command.get_program().to_string_lossy()))?;
        Ok(Self {
            child: Some(child),
            directory: directory.to_owned(),
        })
    }

    /// Asks `ready`, which gets what was printed so far, until it knows.
    pub(super) fn wait_until<T>(&mut self, ready: impl Fn(&str) -> Result<Option<T>>) -> Result<T> {
        let patience = Instant::now() + PATIENCE;
        while Instant::now() < patience {
            // First: the address of one that has ended may be another process's by now.
            let ended = self
                .child
                .as_mut()
                .map(Child::try_wait)
                .transpose()?
                .flatten();
            if let Some(status) = ended {
                bail!(
                    "the server ended at once with {status}\n{}",
                    last_lines(&self.directory)
                );
            }
            if let Some(known) = ready(&fs::read_to_string(self.directory.join(OUTPUT))?)? {
                return Ok(known);
            }
            thread::sleep(GLANCE);
        }
        bail!(
            "the server was not ready after {PATIENCE:?}\n{}",
            last_lines(&self.directory)
        )
    }

    pub(super) fn into_child(mut self) -> Child {
        // INVARIANT: the child is taken here only, and this consumes the value.
        #[expect(clippy::expect_used, reason = "the invariant above")]
        self.child.take().expect("the child is taken once")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ended = child.kill().and_then(|()| child.wait());
        }
    }
}

/// The end of what a process printed, to explain why it failed.
pub(super) fn last_lines(directory: &Path) -> String {
    let read = |name| fs::read_to_string(directory.join(name)).unwrap_or_default();
    let text = read(OUTPUT) + &read(ERRORS);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

/// The address in the line `ready registry=http://ADDRESS …`.
pub(super) fn printed_address(output: &str) -> Result<Option<SocketAddr>> {
    // A line that is still being written has no end yet.
    let whole = output.rsplit_once('\n').map_or("", |(lines, _)| lines);
    let Some(line) = whole
        .lines()
        .find_map(|line| line.strip_prefix("ready registry=http://"))
    else {
        return Ok(None);
    };
    let address = line.split(' ').next().unwrap_or_default();
    Ok(Some(address.parse().with_context(|| {
        format!("read the address {address:?}")
    })?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_taken_from_a_whole_line_only() {
        let line = "Berth 0.1\nready registry=http://127.0.0.1:4123 admin=http://127.0.0.1:9\n";
        assert_eq!(
            printed_address(line).unwrap(),
            Some("127.0.0.1:4123".parse().unwrap())
        );
        assert_eq!(printed_address(&line[..line.len() - 1]).unwrap(), None);
        assert_eq!(printed_address("").unwrap(), None);
        assert!(printed_address("ready registry=http://nowhere\n").is_err());
    }
}
