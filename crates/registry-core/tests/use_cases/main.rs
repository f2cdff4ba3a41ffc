//! The use cases, asked as a caller asks them: over SQLite and a directory, the blob store failing
//! on demand, the clock standing still until it is moved. Nothing here knows HTTP or SQL.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

/// Checks that a result is an error of this shape. A macro, because a function takes no pattern.
macro_rules! assert_refused {
    ($result:expr, $pattern:pat $(if $condition:expr)?) => {
        let result = $result;
        assert!(matches!(&result, Err($pattern) $(if $condition)?), "{result:?}");
    };
}

mod blobs;
mod bodies;
mod crashes;
mod jobs;
mod manifests;
mod moving;
mod registry;
mod uploads;
