//! The report for people: a wide table for the terminal, and the README's.

use std::fmt::{self, Display, Formatter};

use crate::options::PeerCache;
use crate::report::{Line, Report, SideFigures};
use crate::servers::Side;
use crate::work::Figure;

/// What to know before believing a figure.
const NOTES: [&str; 7] = [
    "One machine runs the servers and the generator, in turns; compare figures, do not quote them.",
    "Both sync what a write wrote before they answer; distribution (v3.1.2) leaves out the \
     directory that it moves a blob to, and the parents of those it creates: nearly the same promise.",
    "Both run with defaults, without TLS, and log warnings and one access line a request to a file.",
    "CPU is the server's own, user and system; the floor reads, hashes, writes and syncs with one \
     thread and no HTTP.",
    "Cold: each key is asked for once after a restart; the kernel's page cache stays warm.",
    "Others: cores that were busy with something else meanwhile, the kernel's write-back among \
     them; spread: how far the turns lie apart. Where either is high, repeat the run.",
    "Peak is the most resident memory within a turn; a file in the page cache is not counted.",
];

/// One line for each server.
pub(crate) struct Wide<'a>(pub(crate) &'a Report);

impl Display for Wide<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        preface(report, out)?;
        writeln!(
            out,
            "\n{:<46} {:<12} {:>14} {:>7} {:>10} {:>10} {:>12} {:>12} {:>8} {:>6}  berth is",
            "work",
            "server",
            "rate",
            "spread",
            "p50 ms",
            "p99 ms",
            "server CPU",
            "client CPU",
            "peak MiB",
            "others"
        )?;
        for line in &report.lines {
            for result in &line.results {
                wide_line(line, result, out)?;
            }
            last_steps(line, out)?;
        }
        writeln!(out)?;
        NOTES.iter().try_for_each(|note| writeln!(out, "- {note}"))
    }
}

fn wide_line(line: &Line, result: &SideFigures, out: &mut Formatter<'_>) -> fmt::Result {
    let figures = &result.figures;
    let first = line
        .results
        .first()
        .is_some_and(|first| first.side == result.side);
    let title = match (&line.peer_note, result.side) {
        (Some(note), Side::Distribution) => format!("  ({note})"),
        _ if first => line.title.clone(),
        _ => String::new(),
    };
    write!(out, "{title:<46} {:<12} ", result.side.name())?;
    if line.figure == Figure::Memory {
        write!(out, "{:>71} {:>8.1} {:>6}", "", figures.peak_mib, "")?;
    } else {
        write!(
            out,
            "{:>14} {:>6.0}% {:>10.3} {:>10.3} {:>12} {:>12} {:>8.1} {:>6.2}",
            rate(line.figure, figures.rate),
            100.0 * figures.spread,
            figures.p50_ms,
            figures.p99_ms,
            cpu(line.figure, figures.cpu),
            cpu(line.figure, figures.client_cpu),
            figures.peak_mib,
            figures.other_cores
        )?;
    }
    match first.then(|| verdict(line)) {
        Some(verdict) if !verdict.is_empty() => writeln!(out, "  {verdict}"),
        _ => writeln!(out),
    }
}

fn last_steps(line: &Line, out: &mut Formatter<'_>) -> fmt::Result {
    let Some(title) = line.last_step else {
        return Ok(());
    };
    let results = line
        .results
        .iter()
        .filter_map(|result| Some((result, result.last_step_ms?)));
    for (index, (result, (p50, p99))) in results.enumerate() {
        let title = if index == 0 { title } else { "" };
        write!(
            out,
            "  {title:<44} {:<12} {:>22} {p50:>10.3} {p99:>10.3}",
            result.side.name(),
            ""
        )?;
        match line.times_less(last_step).filter(|_| index == 0) {
            Some(ratio) => writeln!(out, "{:>44}{} faster", "", times(ratio))?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

/// The README's table.
pub(crate) struct Markdown<'a>(pub(crate) &'a Report);

impl Display for Markdown<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        writeln!(
            out,
            "| work | Berth | distribution | floor | speed | CPU | Berth p50 / p99 ms \
             | distribution p50 / p99 ms | peak MiB, both |\n\
             |---|---|---|---|---|---|---|---|---|"
        )?;
        for line in &report.lines {
            markdown_line(line, out)?;
            markdown_last_steps(line, out)?;
        }
        writeln!(out)?;
        preface(report, out)?;
        writeln!(out)?;
        NOTES.iter().try_for_each(|note| writeln!(out, "- {note}"))
    }
}

fn markdown_line(line: &Line, out: &mut Formatter<'_>) -> fmt::Result {
    let cell =
        |side, of: &dyn Fn(&SideFigures) -> String| line.result(side).map_or_else(String::new, of);
    let memory = line.figure == Figure::Memory;
    let done = |result: &SideFigures| match line.figure {
        Figure::Memory => String::new(),
        figure => {
            let figures = &result.figures;
            format!(
                "{}, {}",
                rate(figure, figures.rate),
                cpu(figure, figures.cpu)
            )
        }
    };
    let latency = |result: &SideFigures| {
        let figures = &result.figures;
        if memory {
            String::new()
        } else {
            pair(figures.p50_ms, figures.p99_ms)
        }
    };
    let peak = |result: &SideFigures| format!("{:.0}", result.figures.peak_mib);
    let note = line
        .peer_note
        .as_ref()
        .map_or_else(String::new, |note| format!(" ({note})"));
    writeln!(
        out,
        "| {} | {} | {}{note} | {} | {} | {} | {} | {} | {} / {} |",
        line.title,
        cell(Side::Berth, &done),
        cell(Side::Distribution, &done),
        cell(Side::Floor, &done),
        line.times_faster().map_or_else(String::new, times),
        line.times_less(|result| result.figures.cpu)
            .filter(|_| !memory)
            .map_or_else(String::new, times),
        cell(Side::Berth, &latency),
        cell(Side::Distribution, &latency),
        cell(Side::Berth, &peak),
        cell(Side::Distribution, &peak),
    )
}

fn markdown_last_steps(line: &Line, out: &mut Formatter<'_>) -> fmt::Result {
    let Some(title) = line.last_step else {
        return Ok(());
    };
    let of = |side| {
        let steps = line.result(side).and_then(|result| result.last_step_ms);
        steps.map_or_else(String::new, |(p50, p99)| pair(p50, p99))
    };
    let ratio = line.times_less(last_step).map_or_else(String::new, times);
    let (berth, peer) = (of(Side::Berth), of(Side::Distribution));
    writeln!(out, "| – {title} | | | | {ratio} | | {berth} | {peer} | |")
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
    if report.machine.syncs_to_a_disk() {
        return Ok(());
    }
    writeln!(
        out,
        "The data lie in memory, where a sync is free: writes say nothing here."
    )
}

fn verdict(line: &Line) -> String {
    if line.figure == Figure::Memory {
        let ratio = line.times_less(|result| result.figures.peak_mib);
        return ratio.map_or_else(String::new, |ratio| format!("{} smaller", times(ratio)));
    }
    let faster = line
        .times_faster()
        .map(|ratio| format!("{} faster", times(ratio)));
    let cheaper = line.times_less(|result| result.figures.cpu);
    let cheaper = cheaper.map(|ratio| format!("{} less CPU", times(ratio)));
    faster
        .into_iter()
        .chain(cheaper)
        .collect::<Vec<_>>()
        .join(", ")
}

fn last_step(result: &SideFigures) -> f64 {
    result.last_step_ms.map_or(0.0, |(p50, _)| p50)
}

fn times(ratio: f64) -> String {
    if ratio < 10.0 {
        format!("{ratio:.1} x")
    } else {
        format!("{ratio:.0} x")
    }
}

fn pair(p50: f64, p99: f64) -> String {
    format!("{p50:.2} / {p99:.2}")
}

fn rate(figure: Figure, rate: f64) -> String {
    match figure {
        Figure::Operations | Figure::Memory => format!("{}/s", grouped(rate)),
        Figure::Volume => format!("{} MiB/s", grouped(rate)),
    }
}

fn cpu(figure: Figure, cpu: f64) -> String {
    match figure {
        Figure::Operations | Figure::Memory => format!("{} us", grouped(cpu)),
        Figure::Volume => format!("{cpu:.2} s/GiB"),
    }
}

/// Thousands apart; small numbers with a decimal.
fn grouped(number: f64) -> String {
    if number < 100.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let first = digits.len() % 3;
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::Turn;
    use crate::machine::Machine;
    use crate::options::PeerCache;
    use crate::work::Work;

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

    fn report() -> Report {
        let work = Work {
            key: "blob-head".to_owned(),
            title: "blob HEAD".to_owned(),
            figure: Figure::Operations,
            last_step: Some("its end"),
            peer_note: Some("7 tags".to_owned()),
        };
        let turns = [
            (Side::Berth, vec![turn(12_345, 100)]),
            (Side::Distribution, vec![turn(1_000, 400)]),
        ];
        Report {
            machine: Machine::describe(std::path::Path::new("/")),
            versions: vec![(Side::Berth, "berth 9".to_owned())],
            rounds: 1,
            seconds: 1,
            clients: 8,
            peer_cache: PeerCache::Memory,
            lines: vec![Line::new(work, &turns)],
        }
    }

    #[test]
    fn markdown_has_every_figure_in_its_column() {
        let text = Markdown(&report()).to_string();
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
        let text = Wide(&report()).to_string();
        let line = text
            .lines()
            .find(|line| line.starts_with("blob HEAD"))
            .unwrap();
        assert!(line.ends_with("12 x faster, 49 x less CPU"), "{line}");
        assert!(text.contains("(7 tags)"), "{text}");
    }

    #[test]
    fn thousands_are_apart() {
        assert_eq!(grouped(12.34), "12.3");
        assert_eq!(grouped(999.6), "1,000");
        assert_eq!(grouped(123_456.0), "123,456");
        assert_eq!(grouped(1_234_567.0), "1,234,567");
    }
}
