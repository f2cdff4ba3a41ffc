//! Each server starts, answers, and comes back on the same port and data; each fault is seen by a client; and nothing
//! is left when the test process is killed.

#![expect(
    clippy::expect_used,
    reason = "a test reports a broken expectation by panicking"
)]

mod curl;
mod fault_proxy;
mod lifetime;
mod nginx;
mod object_stores;
mod origin;
mod postgres;
mod toxiproxy;
