//! The contract suites every implementation of a port runs, behind the feature `testing`.

pub mod blob_store;
mod clock;
pub mod metadata;

pub use clock::TestClock;
