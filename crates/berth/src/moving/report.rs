//! What an operator sees of a move: lines on standard error while it goes on, and a summary on standard output.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use registry_core::{Counts, Damage, Mover};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often there is a line.
const INTERVAL: Duration = Duration::from_secs(3);

/// How often a move that was given up is called to mind.
const REMINDER: Duration = Duration::from_mins(5);

/// Writes a line now and then, for ever.
pub(super) async fn progress(mover: &Mover) {
    let (mut before, mut at) = (mover.counts(), Instant::now());
    loop {
        sleep(INTERVAL).await;
        let (counts, now) = (mover.counts(), Instant::now());
        let bytes = counts.bytes.saturating_sub(before.bytes);
        let milliseconds = now.duration_since(at).as_millis().max(1);
        let rate = u128::from(bytes) * 1000 / milliseconds;
        let rate = size(u64::try_from(rate).unwrap_or(u64::MAX));
        line(&format!("{}, {rate}/s now", summary(&counts)));
        (before, at) = (counts, now);
    }
}

/// Says again and again why nothing was moved, until the registry is stopped.
pub(crate) async fn repeat(error: &anyhow::Error, stop: &CancellationToken) {
    loop {
        line(&format!(
            "given up: {error:#}\nThe registry is served from where it is until it is stopped; then the same command \
             goes on"
        ));
        if stop.run_until_cancelled(sleep(REMINDER)).await.is_none() {
            return;
        }
    }
}

/// Writes one line. Whether anybody reads it does not matter.
pub(super) fn line(text: &str) {
    let _unread = writeln!(io::stderr(), "move: {text}");
}

/// What was done, in words.
pub(super) fn summary(counts: &Counts) -> String {
    let Counts {
        repositories,
        blobs,
        bytes,
        mounted,
        manifests,
        tags,
        removed,
    } = *counts;
    let bytes = size(bytes);
    format!(
        "{repositories} repositories compared; {blobs} blobs copied ({bytes}), {mounted} mounted, {manifests} manifests \
         and {tags} tags set, {removed} removed"
    )
}

/// Says that it is over, and what to do now.
pub(super) fn finished(
    counts: Option<&Counts>,
    left_behind: &[Damage],
    target: [&str; 2],
    pause: Option<Duration>,
) {
    let [metadata, storage] = target;
    let done = match (counts, pause) {
        (Some(counts), Some(pause)) => {
            let (summary, pause) = (summary(counts), pause.as_secs_f64());
            format!("{summary}\nwrites paused for {pause:.1} s\n")
        }
        _ => String::new(),
    };
    let left: Vec<String> = left_behind
        .iter()
        .map(|damage| format!("left behind, because it is damaged: {damage}\n"))
        .collect();
    let left = left.concat();
    let text = format!(
        "\nmoved: {done}{left}Set from now on:\n\n  metadata.url: {metadata}\n  storage.url: {storage}\n\n"
    );
    let mut stdout = io::stdout().lock();
    // Nor does this.
    let _unread = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

/// A number of bytes, as people read it.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10;
    while tenths >= 10 * 1024 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    if unit == 0 {
        return format!("{bytes} B");
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_572_864, "1.5 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
