//! Running a registry: what it says when it starts and when it refuses to, how it stops, and what the machine may do
//! to its data without anything being lost or half visible.

#![expect(
    clippy::expect_used,
    reason = "a test reports a broken expectation by panicking"
)]

mod access;
mod away;
mod configuration;
mod damage;
mod deploy;
mod disk;
mod doctor;
mod drain;
mod housekeeping;
mod moving;
mod observing;
mod starting;
mod storm;
mod tls;
