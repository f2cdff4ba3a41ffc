//! The README's table.

use std::fmt::{self, Display, Formatter};

use super::numbers::{cpu, pair, rate, times};
use super::{last_step, notes, preface};
use crate::report::{Line, Report, SideFigures};
use crate::servers::{PerStore, Side};
use crate::work::Figure;

/// The README's table.
pub(crate) struct Markdown<'a>(pub(crate) &'a Report);

impl Display for Markdown<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let beside = match report.stores {
            Some(_) => "CPU of PostgreSQL + MinIO, both",
            None => "floor",
        };
        writeln!(
            out,
            "| work | Berth | distribution | {beside} | speed | CPU | Berth p50 / p99 ms \
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
        notes(report, out)
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
        stores(line).unwrap_or_else(|| cell(Side::Floor, &done)),
        line.times_faster().map_or_else(String::new, times),
        less_cpu(line),
        cell(Side::Berth, &latency),
        cell(Side::Distribution, &latency),
        cell(Side::Berth, &peak),
        cell(Side::Distribution, &peak),
    )
}

/// What the stores spent for either registry, where there are stores.
fn stores(line: &Line) -> Option<String> {
    let of = |side| {
        let PerStore { postgres, minio } = line.result(side)?.figures.stores_cpu?;
        let (postgres, minio) = (cpu(line.figure, postgres), cpu(line.figure, minio));
        Some(format!("{postgres} + {minio}"))
    };
    let (berth, peer) = (of(Side::Berth), of(Side::Distribution));
    let any = berth.is_some() || peer.is_some();
    any.then(|| {
        let both = [berth, peer].map(Option::unwrap_or_default);
        both.join(" / ")
    })
}

fn less_cpu(line: &Line) -> String {
    if line.figure == Figure::Memory {
        return String::new();
    }
    let own = line.times_less(|result| result.figures.cpu);
    let own = own.map_or_else(String::new, times);
    match line.times_less_with_stores() {
        Some(whole) => format!("{own}, {} with the stores'", times(whole)),
        None => own,
    }
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
