//! The order of a run: servers are started and prepared for a scenario, then take turns.

use anyhow::{Context as _, Result};

use crate::load::Turn;
use crate::options::Options;
use crate::report::Line;
use crate::servers::{Ground, Server, Side};
use crate::work::{Load, Scenario, Work};

/// A server under load, with what its lines need.
struct Prepared {
    server: Server,
    load: Box<dyn Load>,
}

/// The lines of one scenario that were asked for, on servers of their own.
pub(crate) fn measure(
    scenario: &dyn Scenario,
    options: &Options,
    ground: &Ground,
) -> Vec<Result<Line>> {
    let works = scenario.works().into_iter().enumerate();
    let works: Vec<(usize, Work)> = works
        .filter(|(_, work)| options.selects(&work.key))
        .collect();
    let sides = scenario
        .sides()
        .iter()
        .filter(|side| options.sides.contains(side));
    let sides: Vec<Side> = sides.copied().collect();
    let Some((_, first)) = works.first().filter(|_| !sides.is_empty()) else {
        return Vec::new();
    };
    let prepared = sides.into_iter().map(|side| {
        let on = || format!("prepare {} on {}", first.key, side.name());
        eprintln!("{}", on());
        let server = Server::start(side, options, ground).with_context(on)?;
        let load = explained(scenario.prepare(&server), &server).with_context(on)?;
        Ok(Prepared { server, load })
    });
    match prepared.collect::<Result<Vec<Prepared>>>() {
        Err(error) => vec![Err(error)],
        Ok(mut prepared) => works
            .into_iter()
            .map(|(place, work)| take_turns(place, work, &mut prepared, options.rounds))
            .collect(),
    }
}

/// All turns of a line, going round the servers.
fn take_turns(place: usize, work: Work, prepared: &mut [Prepared], rounds: u32) -> Result<Line> {
    let empty = |prepared: &Prepared| (prepared.server.side, Vec::new());
    let mut results: Vec<(Side, Vec<Turn>)> = prepared.iter().map(empty).collect();
    for round in 1..=rounds {
        for (Prepared { server, load }, (side, turns)) in prepared.iter_mut().zip(&mut results) {
            let on = || format!("{} on {}, turn {round} of {rounds}", work.key, side.name());
            eprintln!("{}", on());
            let turn = load.turn(place, server);
            turns.push(explained(turn, server).with_context(on)?);
        }
    }
    Ok(Line::new(work, &results))
}

/// What the server logged goes with its failure: the run's directory will be gone.
fn explained<T>(result: Result<T>, server: &Server) -> Result<T> {
    result.with_context(|| format!("the server's log ends with:\n{}\n", server.last_lines()))
}
