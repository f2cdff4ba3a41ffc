//! The cold lines: a restarted server is asked for each of many images once.

use anyhow::Result;

use super::{Read, push_images, visit};
use crate::load::{Limit, Turn};
use crate::options::Options;
use crate::servers::{Server, Side};
use crate::work::image::Image;
use crate::work::{Figure, Load, Scenario, Work};

/// The cold lines.
pub(in crate::work) struct Cold {
    clients: u32,
    images: u32,
}

impl Cold {
    pub(in crate::work) fn new(options: &Options) -> Self {
        Self {
            clients: options.clients,
            images: options.cold_images,
        }
    }
}

impl Scenario for Cold {
    fn works(&self) -> Vec<Work> {
        let work = |read: Read| {
            let (key, title) = (
                format!("{}-cold", read.key()),
                format!("{}, cold", read.title()),
            );
            Work::new(key, title, Figure::Operations)
        };
        Read::ALL.into_iter().map(work).collect()
    }

    fn sides(&self) -> &'static [Side] {
        &[Side::Berth]
    }

    fn prepare(&self, server: &Server) -> Result<Box<dyn Load>> {
        let images = push_images(server, u64::from(self.images))?;
        Ok(Box::new(ColdLoad {
            images,
            clients: self.clients,
        }))
    }
}

struct ColdLoad {
    images: Vec<Image>,
    clients: u32,
}

impl Load for ColdLoad {
    fn turn(&mut self, work: usize, server: &mut Server) -> Result<Turn> {
        server.restart()?;
        let visits = Limit::Operations(u64::try_from(self.images.len())?);
        visit(Read::ALL[work], &self.images, server, self.clients, visits)
    }
}
