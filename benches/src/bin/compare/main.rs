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
mod reader;
mod registry;
mod report;
mod run;
mod servers;
mod table;
mod work;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;

use crate::machine::Machine;
use crate::options::{Arguments, Options, Role};
use crate::report::Report;
use crate::servers::{Ground, SharedStores, Side};
use crate::work::Scenario;

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
    let ground = Ground::prepare(options)?;
    let mut report = begin_report(options, &ground)?;
    // A long run is not thrown away because one line failed.
    let results = scenarios
        .iter()
        .flat_map(|scenario| run::measure(scenario.as_ref(), options, &ground));
    let (lines, failures): (Vec<_>, Vec<_>) = results.partition(Result::is_ok);
    report.lines.extend(lines.into_iter().flatten());
    let failures: Vec<_> = failures.into_iter().filter_map(Result::err).collect();
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
        eprintln!("\nerror: {failure:#}");
    }
    Ok(if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn begin_report(options: &Options, ground: &Ground) -> Result<Report> {
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
        stores: ground
            .stores
            .as_ref()
            .map(SharedStores::description)
            .map(str::to_owned),
        rounds: options.rounds,
        seconds: options.turn().as_secs(),
        clients: options.clients,
        peer_cache: options.peer_cache,
        lines: Vec::new(),
    })
}
