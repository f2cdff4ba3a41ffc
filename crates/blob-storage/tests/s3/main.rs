//! The blob store on S3, on two servers that have nothing in common but the protocol.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod budget;
mod chunks;
mod compaction;
mod contract;
mod faults;
mod headers;
mod late;
mod opening;
mod random;
mod recorder;
mod redirects;
mod removal;
mod requests;
mod session;
mod store;
mod strange;
