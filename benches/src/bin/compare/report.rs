//! What a run found out, and its JSON form.

use serde::Serialize;

use crate::figures::{Figures, quotient};
use crate::load::Turn;
use crate::machine::Machine;
use crate::options::PeerCache;
use crate::servers::Side;
use crate::work::{Figure, Work};

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    /// What each binary says of its version.
    pub(crate) versions: Vec<(Side, String)>,
    /// What the registries stand on, where that is not a directory of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stores: Option<String>,
    pub(crate) rounds: u32,
    pub(crate) seconds: u64,
    pub(crate) clients: u32,
    pub(crate) peer_cache: PeerCache,
    pub(crate) lines: Vec<Line>,
}

/// A line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) key: String,
    pub(crate) title: String,
    #[serde(skip)]
    pub(crate) figure: Figure,
    /// How distribution's load differs, where it does.
    pub(crate) peer_note: Option<String>,
    pub(crate) results: Vec<SideFigures>,
    /// The title of the last step, where it was looked at on its own.
    pub(crate) last_step: Option<&'static str>,
}

/// What one server did.
#[derive(Debug, Serialize)]
pub(crate) struct SideFigures {
    pub(crate) side: Side,
    pub(crate) figures: Figures,
    /// Median and 99th percentile of the last step, in milliseconds.
    pub(crate) last_step_ms: Option<(f64, f64)>,
}

impl Line {
    pub(crate) fn new(work: Work, turns: &[(Side, Vec<Turn>)]) -> Self {
        let results = turns.iter().map(|(side, turns)| SideFigures {
            side: *side,
            figures: Figures::of(work.figure, turns),
            last_step_ms: Figures::of_last_steps(turns),
        });
        let results = results.collect();
        let Work {
            key,
            title,
            figure,
            last_step,
            peer_note,
        } = work;
        Self {
            key,
            title,
            figure,
            peer_note,
            results,
            last_step,
        }
    }

    pub(crate) fn result(&self, side: Side) -> Option<&SideFigures> {
        self.results.iter().find(|result| result.side == side)
    }

    /// By how much Berth is better in something of which less is better.
    pub(crate) fn times_less(&self, of: impl Fn(&SideFigures) -> f64) -> Option<f64> {
        let (berth, peer) = self.both()?;
        Some(quotient(of(peer), of(berth))).filter(|ratio| *ratio > 0.0)
    }

    /// The same in CPU time of server and stores together, where there are stores.
    pub(crate) fn times_less_with_stores(&self) -> Option<f64> {
        self.both()?.0.figures.stores_cpu?;
        self.times_less(|result| result.figures.whole_cpu())
    }

    /// By how much Berth is faster.
    pub(crate) fn times_faster(&self) -> Option<f64> {
        if self.figure == Figure::Memory {
            return None;
        }
        let (berth, peer) = self.both()?;
        Some(quotient(berth.figures.rate, peer.figures.rate)).filter(|ratio| *ratio > 0.0)
    }

    fn both(&self) -> Option<(&SideFigures, &SideFigures)> {
        Some((self.result(Side::Berth)?, self.result(Side::Distribution)?))
    }
}
