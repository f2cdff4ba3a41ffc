//! Pushes of small images: five requests each, and everything durable before the last answer.

use std::time::Duration;

use anyhow::Result;

use super::image::ImageFamily;
use super::{Figure, Load, REGISTRIES, Scenario, Work, pushers};
use crate::content::next_serial;
use crate::load::{self, Done, Limit, Turn};
use crate::options::Options;
use crate::servers::{Server, Side};

/// The one line of this scenario.
pub(super) struct ImagePush {
    clients: u32,
    turn: Duration,
}

impl ImagePush {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            clients: options.clients,
            turn: options.turn(),
        }
    }
}

impl Scenario for ImagePush {
    fn works(&self) -> Vec<Work> {
        let title = "small image push (2 KiB + 10 KiB + manifest)";
        vec![Work::new("image-push", title, Figure::Operations)]
    }

    fn sides(&self) -> &'static [Side] {
        REGISTRIES
    }

    fn prepare(&self, _: &Server) -> Result<Box<dyn Load>> {
        let (clients, turn) = (self.clients, self.turn);
        Ok(Box::new(ImagePushLoad {
            family: ImageFamily::new(),
            clients,
            turn,
        }))
    }
}

struct ImagePushLoad {
    family: ImageFamily,
    clients: u32,
    turn: Duration,
}

impl Load for ImagePushLoad {
    fn turn(&mut self, _: usize, server: &mut Server) -> Result<Turn> {
        // As with build jobs, each client pushes to a repository of its own.
        let named = |(number, pusher)| (format!("builds/job-{number}"), pusher);
        let mut clients: Vec<_> = pushers(server, self.clients)?
            .into_iter()
            .enumerate()
            .map(named)
            .collect();
        load::drive(
            server,
            &mut clients,
            Limit::Time(self.turn),
            |(repository, pusher)| {
                self.family
                    .push(pusher, repository, &format!("build-{}", next_serial()))?;
                Ok(Done::default())
            },
        )
    }
}
