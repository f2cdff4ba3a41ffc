//! One database: the engine on it, what it was filled with, and a second connection that reads the server's books.

use std::time::Duration;

use metadata_postgres::{OpenOptions, PostgresMetadata};
use prometheus::Registry;
use uuid::Uuid;

use crate::contents::Contents;
use crate::server::Server;

pub(crate) struct Side {
    pub(crate) metadata: PostgresMetadata,
    pub(crate) contents: Contents,
    pub(crate) server: Server,
    url: String,
    /// Another for each run, so that no run asks for what an earlier one has changed.
    seed: u64,
}

impl Side {
    pub(crate) async fn open(url: &str, percent: u64) -> Self {
        Self {
            metadata: engine(url).await,
            contents: Contents { percent },
            server: Server::connect(url).await,
            url: url.to_owned(),
            seed: Uuid::new_v4().as_u64_pair().0,
        }
    }

    /// The same side after its server was told something that only new connections hear.
    pub(crate) async fn reconnect(&mut self) {
        self.metadata.close().await;
        self.metadata = engine(&self.url).await;
    }

    /// A number below `bound`, by chance.
    pub(crate) fn pick(&self, round: usize, bound: u64) -> u64 {
        // The end of SplitMix64.
        let mut mixed = self
            .seed
            .wrapping_add((round as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

async fn engine(url: &str) -> PostgresMetadata {
    // Nothing in memory, so that each look-up fetches all it answers.
    let options = OpenOptions {
        cache_bytes: 0,
        location_lifetime: Duration::ZERO,
        ..OpenOptions::new(url, Registry::new())
    };
    PostgresMetadata::open(options).await.unwrap()
}
