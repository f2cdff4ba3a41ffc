//! The report for people: a wide table for the terminal, and the README's.

mod markdown;
mod numbers;
mod wide;

use std::fmt::{self, Formatter};

use crate::options::PeerCache;
use crate::report::{Report, SideFigures};
pub(crate) use markdown::Markdown;
pub(crate) use wide::Wide;

/// What to know before believing a figure from local stores.
const LOCAL_NOTES: [&str; 4] = [
    "One machine runs the servers and the generator, in turns; compare figures, do not quote them.",
    "Both sync what a write wrote before they answer; distribution (v3.1.2) leaves out the \
     directory that it moves a blob to, and the parents of those it creates: nearly the same promise.",
    "CPU is the server's own, user and system; the floor reads, hashes, writes and syncs with one \
     thread and no HTTP.",
    "Cold: each key is asked for once after a restart; the kernel's page cache stays warm.",
];

/// The same from shared stores.
const SHARED_NOTES: [&str; 4] = [
    "One machine runs the servers, their stores and the generator, in turns; compare figures, do not \
     quote them. No network lies between: a request to a store costs CPU here, and time elsewhere.",
    "PostgreSQL and MinIO sync what they are given before they answer, and a registry answers after \
     them. Berth uses both, distribution only MinIO.",
    "CPU is the registry's own, user and system; beside it stands that of the stores meanwhile.",
    "Distribution redirects every GET and HEAD of a blob to MinIO. Where its redirect is followed, \
     rate and latency are those of both steps, and so is the CPU of MinIO.",
];

/// Likewise, from anywhere.
const NOTES: [&str; 3] = [
    "Both run with defaults, without TLS, and log warnings and one access line a request to a file.",
    "Others: cores that were busy with something else meanwhile, the kernel's write-back among \
     them; spread: how far the turns lie apart. Where either is high, repeat the run.",
    "Peak is the most resident memory within a turn; a file in the page cache is not counted.",
];

fn notes(report: &Report, out: &mut Formatter<'_>) -> fmt::Result {
    let special = match report.stores {
        Some(_) => SHARED_NOTES,
        None => LOCAL_NOTES,
    };
    let mut all = special.iter().chain(&NOTES);
    all.try_for_each(|note| writeln!(out, "- {note}"))
}

fn preface(report: &Report, out: &mut Formatter<'_>) -> fmt::Result {
    writeln!(out, "Measured on {}.", report.machine.line())?;
    for (side, version) in &report.versions {
        writeln!(out, "{}: {version}.", side.name())?;
    }
    let Report {
        rounds,
        seconds,
        clients,
        ..
    } = report;
    writeln!(
        out,
        "{rounds} turns each of {seconds} s; {clients} clients for the small work."
    )?;
    let cache = match report.peer_cache {
        PeerCache::Memory => "with its in-memory descriptor cache, as in its container image",
        PeerCache::None => "without its descriptor cache",
    };
    writeln!(out, "Distribution ran {cache}.")?;
    if let Some(stores) = &report.stores {
        writeln!(out, "The registries ran on {stores}.")?;
    }
    if report.machine.syncs_to_a_disk() {
        return Ok(());
    }
    writeln!(
        out,
        "The data lie in memory, where a sync is free: writes say nothing here."
    )
}

fn last_step(result: &SideFigures) -> f64 {
    result.last_step_ms.map_or(0.0, |(p50, _)| p50)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::Turn;
    use crate::machine::Machine;
    use crate::options::PeerCache;
    use crate::report::Line;
    use crate::servers::{PerStore, Side};
    use crate::work::{Figure, Work};

    fn turn(operations: usize, cpu_ms: u64) -> Turn {
        Turn {
            elapsed: Duration::from_secs(1),
            latencies: vec![Duration::from_millis(2); operations],
            last_steps: vec![Duration::from_millis(cpu_ms)],
            server_cpu: Duration::from_millis(cpu_ms),
            peak_memory: 10 * 1024,
            ..Turn::default()
        }
    }

    fn report(turns: &[(Side, Vec<Turn>)]) -> Report {
        let work = Work {
            key: "blob-head".to_owned(),
            title: "blob HEAD".to_owned(),
            figure: Figure::Operations,
            last_step: Some("its end"),
            peer_note: Some("7 tags".to_owned()),
        };
        Report {
            machine: Machine::describe(std::path::Path::new("/")),
            versions: vec![(Side::Berth, "berth 9".to_owned())],
            stores: None,
            rounds: 1,
            seconds: 1,
            clients: 8,
            peer_cache: PeerCache::Memory,
            lines: vec![Line::new(work, turns)],
        }
    }

    fn on_local_stores() -> Report {
        report(&[
            (Side::Berth, vec![turn(12_345, 100)]),
            (Side::Distribution, vec![turn(1_000, 400)]),
        ])
    }

    fn on_shared_stores() -> Report {
        let standing = |turn, postgres, minio| Turn {
            stores_cpu: Some(PerStore {
                postgres: Duration::from_millis(postgres),
                minio: Duration::from_millis(minio),
            }),
            ..turn
        };
        let turns = [
            (Side::Berth, vec![standing(turn(10_000, 100), 300, 0)]),
            (Side::Distribution, vec![standing(turn(1_000, 400), 0, 800)]),
        ];
        Report {
            stores: Some("stores of a test".to_owned()),
            ..report(&turns)
        }
    }

    #[test]
    fn markdown_has_every_figure_in_its_column() {
        let text = Markdown(&on_local_stores()).to_string();
        assert!(
            text.contains(
                "| blob HEAD | 12,345/s, 8.1 us | 1,000/s, 400 us (7 tags) |  | 12 x | 49 x \
             | 2.00 / 2.00 | 2.00 / 2.00 | 10 / 10 |"
            ),
            "{text}"
        );
        assert!(
            text.contains("| – its end | | | | 4.0 x | | 100.00 / 100.00 | 400.00 / 400.00 | |")
        );
    }

    #[test]
    fn wide_table_says_who_is_faster() {
        let text = Wide(&on_local_stores()).to_string();
        let line = text
            .lines()
            .find(|line| line.starts_with("blob HEAD"))
            .unwrap();
        assert!(line.ends_with("12 x faster, 49 x less CPU"), "{line}");
        assert!(text.contains("(7 tags)"), "{text}");
    }

    #[test]
    fn stores_stand_beside_the_registries() {
        let text = Markdown(&on_shared_stores()).to_string();
        assert!(
            text.contains(
                "| 30.0 us + 0.0 us / 0.0 us + 800 us | 10 x | 40 x, 30 x with the stores' |"
            ),
            "{text}"
        );
        let text = Wide(&on_shared_stores()).to_string();
        let [head, line] = ["work", "blob HEAD"].map(|start| {
            let found = text.lines().find(|line| line.starts_with(start));
            found.unwrap().to_owned()
        });
        assert!(
            line.ends_with("10 x faster, 40 x less CPU, 30 x less with the stores'"),
            "{line}"
        );
        let end_of = |line: &str, text: &str| line.find(text).unwrap() + text.len();
        assert_eq!(end_of(&head, "postgres CPU"), end_of(&line, "30.0 us"));
        assert!(text.contains("stores of a test"), "{text}");
    }
}
