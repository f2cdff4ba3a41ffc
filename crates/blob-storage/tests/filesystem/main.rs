//! The blob store on a directory: the port's contract, and what only a file system can do to it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
mod disk;
mod faulty;
mod foreign;
mod locks;
mod start;
mod store;
