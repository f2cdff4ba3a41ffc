//! Many uploads at the same time: what buffers cost.

use anyhow::Result;

use super::large::push_streamed;
use super::{Figure, Load, REGISTRIES, Scenario, Work, pushers};
use crate::content::BlobFamily;
use crate::load::{self, Limit, Turn};
use crate::servers::{Server, Side};

const UPLOADS: u32 = 32;

const LENGTH: usize = 64 * 1024 * 1024;

/// The one line of this scenario; its servers are fresh, so that the peak is that of the uploads.
pub(super) struct Uploads;

impl Scenario for Uploads {
    fn works(&self) -> Vec<Work> {
        vec![Work::new(
            "uploads",
            "32 uploads of 64 MiB at once",
            Figure::Volume,
        )]
    }

    fn sides(&self) -> &'static [Side] {
        REGISTRIES
    }

    fn prepare(&self, _: &Server) -> Result<Box<dyn Load>> {
        Ok(Box::new(UploadsLoad {
            family: BlobFamily::new(LENGTH),
        }))
    }
}

struct UploadsLoad {
    family: BlobFamily,
}

impl Load for UploadsLoad {
    fn turn(&mut self, _: usize, server: &mut Server) -> Result<Turn> {
        server.forget_large_files()?;
        let mut clients = pushers(server, UPLOADS)?;
        // As many operations as clients: each begins one long before any of them ends.
        let uploads = Limit::Operations(u64::from(UPLOADS));
        load::drive(server, &mut clients, uploads, |pusher| {
            push_streamed(pusher, "team/parallel", &self.family)
        })
    }
}
