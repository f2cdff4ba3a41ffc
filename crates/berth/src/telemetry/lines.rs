//! Lines on their way to standard error.
//!
//! There is an access line for each request, and writing it by itself would be a tenth of what a small request costs.
//! So access lines are gathered and written some at a time, a moment later at most. Every other line is written at
//! once, and those before it with it: what a process said before it died is there, but for the last access lines.

use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use http_server::ACCESS_LOG_TARGET;
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// How long an access line may wait for others.
const MOMENT: Duration = Duration::from_millis(50);

/// How many bytes may wait.
const FULL: usize = 64 * 1024;

/// The lines of this process.
static LINES: Lines = Lines {
    waiting: Mutex::new(Vec::new()),
    some: Condvar::new(),
};

/// Lines that wait to be written.
#[derive(Debug)]
pub(super) struct Lines {
    waiting: Mutex<Vec<u8>>,
    /// Signalled when the first of them begins to wait.
    some: Condvar,
}

/// Writes what is gathered on a thread of its own, from now on.
pub(super) fn start() -> io::Result<&'static Lines> {
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(|| LINES.keep_writing())?;
    Ok(&LINES)
}

/// Writes what is gathered, now.
pub(super) fn flush() {
    write_out(&mut LINES.waiting());
}

impl Lines {
    fn keep_writing(&self) {
        loop {
            let some = self
                .some
                .wait_while(self.waiting(), |waiting| waiting.is_empty());
            drop(some);
            thread::sleep(MOMENT);
            write_out(&mut self.waiting());
        }
    }

    fn add(&self, line: &[u8], haste: Haste) {
        let mut waiting = self.waiting();
        let first = waiting.is_empty();
        waiting.extend_from_slice(line);
        if haste == Haste::AtOnce || waiting.len() >= FULL {
            write_out(&mut waiting);
        } else if first {
            self.some.notify_one();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<u8>> {
        // Lines are whole between two calls, whoever panicked.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_out(waiting: &mut Vec<u8>) {
    // Nobody is left to be told when standard error is gone.
    let _ = io::stderr().write_all(waiting);
    waiting.clear();
}

/// Whether a line may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    AtOnce,
    InAMoment,
}

/// Takes one event's line.
#[derive(Debug)]
pub(super) struct Line {
    lines: &'static Lines,
    haste: Haste,
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.add(line, self.haste);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for &'static Lines {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line {
            lines: self,
            haste: Haste::AtOnce,
        }
    }

    fn make_writer_for(&self, event: &Metadata<'_>) -> Line {
        let haste = if event.target() == ACCESS_LOG_TARGET {
            Haste::InAMoment
        } else {
            Haste::AtOnce
        };
        Line { lines: self, haste }
    }
}
