//! The metadata ports on PostgreSQL, for a registry of any number of processes.
//!
//! - Look-ups are one statement each, always asked of the database (`database::read`). Only payloads of
//!   manifests, which never change, are kept in memory (`payloads`), and for some seconds where blobs lie
//!   to which clients are sent (`locations`); look-ups by digest that promise nothing may go to a server
//!   that follows closely (`replica`).
//! - Writes are one statement each, which the database carries out wholly or not at all
//!   (`database::write`). No process knows what another writes: each statement tells at its text why it
//!   is safe whatever others do at the same time.
//! - What requests ask stands in the file of its noun and nowhere else; row values are read in `rows`.
//!
//! Statements are constant and checked by tests (each is prepared and its plan explained on the
//! migrated schema) instead of by macros at build time, which would need a database there.
//!
//! This crate decides nothing about what a registry does: what a step checks and changes is
//! written at the ports.

mod address;
mod blobs;
mod catalog;
mod connection;
mod database;
mod error;
mod examine;
mod freeze;
mod installation;
mod inventory;
mod locations;
mod lookups;
mod manifests;
mod metrics;
mod open;
mod payloads;
mod pooling;
mod probe;
mod referrers;
mod replica;
mod repositories;
mod rows;
mod schema;
mod statement;
mod storage_deletions;
mod tags;
mod time;
mod totals;
mod uploads;

use std::fmt;

use registry_core::ports::Lifetimes;

use crate::database::Database;
use crate::locations::Locations;
use crate::payloads::Payloads;
use crate::replica::Replica;
use crate::time::Time;

pub use crate::examine::{
    Examination, ExamineError, Pooler, ReplicaExamination, examine, examine_replica,
};
pub use crate::freeze::{Freeze, FreezeError, MOVER, pods};
pub use crate::open::{OpenError, OpenOptions, SchemaState};

/// The metadata of a registry in one PostgreSQL database, which any number of processes share.
pub struct PostgresMetadata {
    primary: Database,
    replica: Option<Replica>,
    payloads: Payloads,
    locations: Locations,
    time: Time,
    lifetimes: Lifetimes,
}

impl PostgresMetadata {
    /// Closes every connection once nobody uses it any more. Whatever is asked afterwards fails.
    pub async fn close(&self) {
        if let Some(replica) = &self.replica {
            replica.close().await;
        }
        self.primary.close().await;
    }

    /// The server that follows, if there is one and it is worth asking.
    fn replica(&self) -> Option<&Replica> {
        self.replica.as_ref().filter(|replica| replica.is_awake())
    }
}

impl fmt::Debug for PostgresMetadata {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PostgresMetadata")
            .field("lifetimes", &self.lifetimes)
            .finish_non_exhaustive()
    }
}
