//! Many uploads at the same time: what buffers cost.

use anyhow::Result;

use super::large::push_streamed;
use super::{Figure, Load, REGISTRIES, Scenario, Work, pushers};
use crate::content::BlobFamily;
use crate::load::{self, Limit, Turn};
use crate::servers::{Server, Side};

const MIB: usize = 1024 * 1024;

/// The one line of this scenario; its servers are fresh, so that the peak is that of the uploads.
pub(super) struct Uploads {
    key: &'static str,
    count: u32,
    mebibytes: usize,
}

impl Uploads {
    pub(super) fn on_local_stores() -> Self {
        Self {
            key: "uploads",
            count: 32,
            mebibytes: 64,
        }
    }

    /// Few that are long, and many: parts of each wait for the store in the registry's memory.
    pub(super) fn on_shared_stores() -> [Self; 2] {
        let of = |key, count, mebibytes| Self {
            key,
            count,
            mebibytes,
        };
        [of("uploads-16", 16, 64), of("uploads-200", 200, 16)]
    }
}

impl Scenario for Uploads {
    fn works(&self) -> Vec<Work> {
        let Self {
            key,
            count,
            mebibytes,
        } = self;
        let title = format!("{count} uploads of {mebibytes} MiB at once");
        vec![Work::new(*key, title, Figure::Volume)]
    }

    fn sides(&self) -> &'static [Side] {
        REGISTRIES
    }

    fn prepare(&self, _: &Server) -> Result<Box<dyn Load>> {
        Ok(Box::new(UploadsLoad {
            family: BlobFamily::new(self.mebibytes * MIB),
            count: self.count,
        }))
    }
}

struct UploadsLoad {
    family: BlobFamily,
    count: u32,
}

impl Load for UploadsLoad {
    fn turn(&mut self, _: usize, server: &mut Server) -> Result<Turn> {
        server.forget_large_files()?;
        let mut clients = pushers(server, self.count)?;
        // As many operations as clients: each begins one long before any of them ends.
        let uploads = Limit::Operations(u64::from(self.count));
        let turn = load::drive(server, &mut clients, uploads, |pusher| {
            push_streamed(pusher, "team/parallel", &self.family)
        })?;
        // Gigabytes that nobody reads: there must be room for as many in the next turn.
        server.empty_large_files()?;
        Ok(turn)
    }
}
