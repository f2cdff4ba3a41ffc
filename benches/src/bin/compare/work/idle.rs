//! A server that has been started and is left alone: what it keeps in memory.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::{Figure, Load, REGISTRIES, Scenario, Work};
use crate::load::Turn;
use crate::options::Options;
use crate::servers::{Server, Side};

/// The one line of this scenario.
pub(super) struct Idle {
    turn: Duration,
}

impl Idle {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            turn: options.turn(),
        }
    }
}

impl Scenario for Idle {
    fn works(&self) -> Vec<Work> {
        vec![Work::new("idle", "idle memory", Figure::Memory)]
    }

    fn sides(&self) -> &'static [Side] {
        REGISTRIES
    }

    fn prepare(&self, _: &Server) -> Result<Box<dyn Load>> {
        Ok(Box::new(IdleLoad { turn: self.turn }))
    }
}

struct IdleLoad {
    turn: Duration,
}

impl Load for IdleLoad {
    fn turn(&mut self, _: usize, server: &mut Server) -> Result<Turn> {
        let before = server.process.cpu()?;
        thread::sleep(self.turn);
        Ok(Turn {
            elapsed: self.turn,
            server_cpu: server.process.cpu()?.saturating_sub(before),
            peak_memory: server.process.resident()?,
            ..Turn::default()
        })
    }
}
