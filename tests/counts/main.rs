//! What an operation costs in queries, and what has reached the disk when it is answered, read from the server's own
//! counters. Times differ from machine to machine; counts do not.

mod durability;
mod reads;
mod writes;

use std::future::Future;

use berth_tests::{TestRegistry, registry::Builder};

const QUERIES: &str = "registry_database_queries_total";

/// A registry whose background work does not run while a test counts.
fn quiet(builder: Builder) -> Builder {
    builder.configuration("jobs:\n  interval: 1h")
}

/// The queries that an operation costs, by name.
async fn queries(
    registry: &TestRegistry,
    operation: impl Future<Output = ()>,
) -> Vec<(String, f64)> {
    let before = registry.metrics().await;
    assert!(
        before.contains(QUERIES),
        "the server does not count its queries"
    );
    operation.await;
    registry.metrics().await.grown_since(&before, QUERIES)
}

/// The number of queries in such a list.
fn total(queries: &[(String, f64)]) -> f64 {
    queries.iter().map(|(_, count)| count).sum()
}

/// Asserts that an operation costs at most one query on a server that has just started, and none the next time.
async fn expect_one_query_cold_and_none_warm(
    registry: &mut TestRegistry,
    name: &str,
    operation: impl AsyncFn(&TestRegistry),
) {
    registry.restart().await;
    let cold = queries(registry, operation(registry)).await;
    assert!(
        total(&cold) <= 1.0,
        "{name} costs {cold:?} on a cold server"
    );
    for _ in 0..3 {
        let warm = queries(registry, operation(registry)).await;
        assert!(warm.is_empty(), "{name} costs {warm:?} on a warm server");
    }
}
