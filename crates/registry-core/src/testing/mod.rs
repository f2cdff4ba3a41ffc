//! The contract suites every implementation of a port runs, behind the feature `testing`.

pub mod blob_store;
