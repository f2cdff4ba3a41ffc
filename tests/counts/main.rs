//! What an operation costs in queries, and what has reached the disk when it is answered, read from the server's own
//! counters. Times differ from machine to machine; counts do not.

mod durability;
mod reads;
mod storage;
mod writes;

use std::future::Future;

use berth_tests::{TestRegistry, metrics::Metrics, registry::Builder};

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
    asked(&before, &registry.metrics().await)
}

/// The queries between two scrapes that requests asked, by name. What runs in the background does so once when a
/// server has started, perhaps in between.
fn asked(before: &Metrics, after: &Metrics) -> Vec<(String, f64)> {
    const BACKGROUND: [&str; 3] = ["storage_deletion_take", "upload_expire", "totals"];
    let mut grown = after.grown_since(before, QUERIES);
    grown.retain(|(series, _)| !BACKGROUND.iter().any(|name| series.contains(name)));
    grown
}

/// The number of queries in such a list.
fn total(queries: &[(String, f64)]) -> f64 {
    queries.iter().map(|(_, count)| count).sum()
}

/// Asserts that an operation costs at most one query: on a server that has just started, and none the next time where
/// an exact cache can answer. Pods that share a database ask it each time, so that they never disagree.
async fn expect_one_query_at_most(
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
    let allowed = f64::from(u8::from(registry.stores().is_some()));
    for _ in 0..3 {
        let warm = queries(registry, operation(registry)).await;
        assert!(
            total(&warm) <= allowed,
            "{name} costs {warm:?} on a warm server"
        );
    }
}
