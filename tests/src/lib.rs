//! The harness of the black-box suites: it builds and starts the real `berth` binary on free ports, speaks HTTP to
//! it, makes contents to push, and drives real clients. It must not know anything of the server's inside: whatever a
//! suite sees, a user can see.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a harness reports a broken machine or a broken expectation by panicking: that is how a test fails"
)]

pub mod backend;
pub mod binary;
pub mod certificates;
pub mod client;
pub mod containerd;
pub mod content;
pub mod docker;
pub mod metrics;
pub mod raw;
pub mod registry;
pub mod repository;
pub mod response;
pub mod snapshot;
pub mod storm;
pub mod tool;

pub use backend::{
    Backend, Place, SharedStores, for_each_backend, for_each_registry, in_each_repository,
    on_embedded,
};
pub use client::Client;
pub use content::{Blob, Document};
pub use registry::TestRegistry;
pub use repository::Repository;
pub use response::Response;
