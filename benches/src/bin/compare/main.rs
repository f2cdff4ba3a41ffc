//! Compares Berth with distribution: the same load on both, in turns, and a table of what it cost.
//!
//! `cargo run --release -p berth-benches --bin compare -- --help`; the method is in
//! `benches/README.md`. This process is the load generator; the servers are processes of their own.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its output is what it is for"
)]

mod client;
mod content;
mod figures;
mod floor;
mod load;
mod machine;
mod options;
mod proc;
mod registry;
mod report;
mod servers;
mod table;
mod work;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;

use crate::load::Turn;
use crate::machine::Machine;
use crate::options::{Arguments, Options, Role};
use crate::report::{Line, Report};
use crate::servers::{Server, Side};
use crate::work::{Load, Scenario, Work};

fn main() -> Result<ExitCode> {
    let Arguments { role, options } = Arguments::parse();
    if let Some(Role::Floor { directory }) = role {
        floor::serve(&directory)?;
        return Ok(ExitCode::SUCCESS);
    }
    let scenarios = work::scenarios(&options);
    if options.list {
        for work in scenarios.iter().flat_map(|scenario| scenario.works()) {
            println!("{:<32} {}", work.key, work.title);
        }
        return Ok(ExitCode::SUCCESS);
    }
    compare(&scenarios, &options)
}

fn compare(scenarios: &[Box<dyn Scenario>], options: &Options) -> Result<ExitCode> {
    let mut report = begin_report(options)?;
    let mut failures = Vec::new();
    for scenario in scenarios {
        // A long run is not thrown away because one scenario failed.
        match measure(scenario.as_ref(), options) {
            Ok(lines) => report.lines.extend(lines),
            Err(error) => failures.push(error),
        }
    }
    if options.markdown {
        print!("{}", table::Markdown(&report));
    } else {
        print!("{}", table::Wide(&report));
    }
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_vec_pretty(&report)?)
            .with_context(|| format!("write {}", path.display()))?;
    }
    for failure in &failures {
        eprintln!("error: {failure:?}");
    }
    Ok(if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn begin_report(options: &Options) -> Result<Report> {
    let registries = options
        .sides
        .iter()
        .copied()
        .filter(|side| *side != Side::Floor);
    let versions = registries
        .map(|side| Ok((side, servers::version(&options.program(side)?)?)))
        .collect::<Result<_>>()?;
    let directory = options.directory.clone().unwrap_or_else(std::env::temp_dir);
    Ok(Report {
        machine: Machine::describe(&directory),
        versions,
        rounds: options.rounds,
        seconds: options.turn().as_secs(),
        clients: options.clients,
        peer_cache: options.peer_cache,
        lines: Vec::new(),
    })
}

/// A server under load, with what its lines need.
struct Prepared {
    server: Server,
    load: Box<dyn Load>,
}

/// The lines of one scenario that were asked for, on servers of their own.
fn measure(scenario: &dyn Scenario, options: &Options) -> Result<Vec<Line>> {
    let works: Vec<(usize, Work)> = scenario
        .works()
        .into_iter()
        .enumerate()
        .filter(|(_, work)| options.selects(&work.key))
        .collect();
    let sides = scenario
        .sides()
        .iter()
        .filter(|side| options.sides.contains(side));
    if works.is_empty() {
        return Ok(Vec::new());
    }
    let mut prepared = sides
        .map(|side| prepare(scenario, *side, options))
        .collect::<Result<Vec<Prepared>>>()?;
    works
        .into_iter()
        .map(|(place, work)| turns(place, work, &mut prepared, options))
        .collect()
}

fn prepare(scenario: &dyn Scenario, side: Side, options: &Options) -> Result<Prepared> {
    let first = scenario
        .works()
        .first()
        .map_or_else(String::new, |work| work.key.clone());
    let on = || format!("prepare {first} on {}", side.name());
    eprintln!("{}", on());
    let server = Server::start(side, options).with_context(on)?;
    let load = scenario.prepare(&server).with_context(on)?;
    Ok(Prepared { server, load })
}

/// All turns of a line, going round the servers.
fn turns(place: usize, work: Work, prepared: &mut [Prepared], options: &Options) -> Result<Line> {
    let mut results: Vec<(Side, Vec<Turn>)> = prepared
        .iter()
        .map(|prepared| (prepared.server.side, Vec::new()))
        .collect();
    for round in 1..=options.rounds {
        for (Prepared { server, load }, (side, turns)) in prepared.iter_mut().zip(&mut results) {
            eprintln!(
                "{} on {}, turn {round} of {}",
                work.key,
                side.name(),
                options.rounds
            );
            let turn = load.turn(place, server);
            turns.push(turn.with_context(|| format!("{} on {}", work.key, side.name()))?);
        }
    }
    Ok(Line::new(work, &results))
}
