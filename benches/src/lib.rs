//! What the benchmarks share: sample documents of realistic shape and size.
//!
//! Nothing here measures, and nothing of Berth's own code is used to make the samples, so that a
//! mistake there cannot hide itself.

pub mod samples;
