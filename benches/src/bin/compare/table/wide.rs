//! The table for the terminal.

use std::fmt::{self, Display, Formatter};

use super::numbers::{cpu, rate, times};
use super::{last_step, notes, preface};
use crate::report::{Line, Report, SideFigures};
use crate::servers::{PerStore, Side};
use crate::work::Figure;

/// One line for each server.
pub(crate) struct Wide<'a>(pub(crate) &'a Report);

impl Display for Wide<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        preface(report, out)?;
        write!(
            out,
            "\n{:<46} {:<12} {:>14} {:>7} {:>10} {:>10} {:>12} ",
            "work", "server", "rate", "spread", "p50 ms", "p99 ms", "server CPU"
        )?;
        if report.stores.is_some() {
            write!(out, "{:>12} {:>12} ", "postgres CPU", "minio CPU")?;
        }
        writeln!(
            out,
            "{:>12} {:>8} {:>6}  berth is",
            "client CPU", "peak MiB", "others"
        )?;
        for line in &report.lines {
            for result in &line.results {
                wide_line(line, result, out)?;
            }
            last_steps(line, out)?;
        }
        writeln!(out)?;
        notes(report, out)
    }
}

fn wide_line(line: &Line, result: &SideFigures, out: &mut Formatter<'_>) -> fmt::Result {
    let figures = &result.figures;
    let first = line
        .results
        .first()
        .is_some_and(|first| first.side == result.side);
    let title = match (&line.peer_note, result.side) {
        (Some(note), Side::Distribution) if first => format!("{} ({note})", line.title),
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
            "{:>14} {:>6.0}% {:>10.3} {:>10.3} {:>12} ",
            rate(line.figure, figures.rate),
            100.0 * figures.spread,
            figures.p50_ms,
            figures.p99_ms,
            cpu(line.figure, figures.cpu)
        )?;
        if let Some(PerStore { postgres, minio }) = figures.stores_cpu {
            let (postgres, minio) = (cpu(line.figure, postgres), cpu(line.figure, minio));
            write!(out, "{postgres:>12} {minio:>12} ")?;
        }
        write!(
            out,
            "{:>12} {:>8.1} {:>6.2}",
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
    // From the latencies to the verdict.
    let gap = match line.times_less_with_stores() {
        Some(_) => 70,
        None => 44,
    };
    for (index, (result, (p50, p99))) in results.enumerate() {
        let title = if index == 0 { title } else { "" };
        write!(
            out,
            "  {title:<44} {:<12} {:>22} {p50:>10.3} {p99:>10.3}",
            result.side.name(),
            ""
        )?;
        match line.times_less(last_step).filter(|_| index == 0) {
            Some(ratio) => writeln!(out, "{:>gap$}{} faster", "", times(ratio))?,
            None => writeln!(out)?,
        }
    }
    Ok(())
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
    let whole = line.times_less_with_stores();
    let whole = whole.map(|ratio| format!("{} less with the stores'", times(ratio)));
    faster
        .into_iter()
        .chain(cheaper)
        .chain(whole)
        .collect::<Vec<_>>()
        .join(", ")
}
