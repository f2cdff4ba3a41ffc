//! What a registry does: use cases, access rules, ports and background jobs.
//!
//! Knows no HTTP, no SQL and no file system. Those live in the adapters, which
//! implement the traits of [`ports`]; `http-api` calls the use cases on [`Registry`].

pub mod change;
pub mod ports;
