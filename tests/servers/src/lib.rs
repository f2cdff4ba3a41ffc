//! Real servers for tests: PostgreSQL, `PgBouncer`, two object stores, nginx, and two proxies that do harm on purpose.
//!
//! Each is started by the test process that asks for it, on free ports of the loopback, with its data in a temporary
//! directory. All end with that process, also when it is killed, and their directories go too. The servers called
//! `shared` are started once a process, when first asked for, and stay; those that are started end when dropped.
//!
//! `tests/tools/install servers` brings the programs. This crate must not depend on any of ours: it is what their
//! tests stand on.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a harness reports a broken machine or a broken expectation by panicking: that is how a test fails"
)]

pub mod fault_proxy;

mod directory;
mod http;
mod launch;
mod minio;
mod nginx;
mod pgbouncer;
mod port;
mod postgres;
mod process;
mod program;
mod seaweedfs;
mod service;
mod toxiproxy;
mod versitygw;

pub use fault_proxy::FaultProxy;
pub use minio::Minio;
pub use nginx::{Nginx, NginxConfig};
pub use pgbouncer::{PgBouncer, PoolMode};
pub use postgres::Postgres;
pub use seaweedfs::SeaweedFs;
pub use toxiproxy::{Proxy, Toxiproxy};
pub use versitygw::VersityGw;
