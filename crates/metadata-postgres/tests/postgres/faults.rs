//! A database that goes away, hangs, or lets nobody in, and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use berth_test_servers::Postgres;
use futures_util::future::join_all;
use metadata_postgres::{OpenOptions, PostgresMetadata};
use registry_core::change::Guard;
use registry_core::ports::{
    Lookup, ManifestCommit, ManifestStore as _, MetadataError, Probe as _, TagIndex as _,
};
use registry_core::testing::metadata::{by_tag, change, name, push, resolve, tagged};
use sqlx::{Executor as _, Row as _};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Database, counters};

fn is_unavailable<T: std::fmt::Debug>(answer: &Result<T, MetadataError>) -> bool {
    matches!(answer, Err(MetadataError::Unavailable(_)))
}

/// Pushes under ever new tags until it is over, and returns those that were acknowledged.
async fn write(
    metadata: Arc<PostgresMetadata>,
    writer: usize,
    over: Arc<AtomicBool>,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let tag = format!("w{writer}-{number}");
        let pushed = tagged("a/b", &tag, &[tag.as_str()]);
        let committed = metadata
            .commit_manifest(&change(), Guard::open(), pushed)
            .await;
        match committed {
            Ok(outcome) => {
                assert_eq!(outcome, ManifestCommit::Committed);
                acknowledged.push(tag);
            }
            failed => assert!(is_unavailable(&failed), "{failed:?}"),
        }
        if over.load(Ordering::SeqCst) {
            break;
        }
    }
    acknowledged
}

/// Reads until it is over, and counts what failed.
async fn read(metadata: Arc<PostgresMetadata>, over: Arc<AtomicBool>, failures: Arc<AtomicUsize>) {
    while !over.load(Ordering::SeqCst) {
        let found = metadata.read_manifest(&name("a/b"), &by_tag("v1")).await;
        match found {
            Ok(found) => assert!(matches!(found, Lookup::Found(_))),
            failed => {
                assert!(is_unavailable(&failed), "{failed:?}");
                failures.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}

/// Nothing acknowledged is lost, nobody has to start anew, and reads hardly notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_under_load_costs_a_few_requests() {
    let mut server = Postgres::start().await;
    let database = Database::at(server.create_database().await);
    let metadata = Arc::new(database.open().await.unwrap());
    push(&*metadata, tagged("a/b", "{}", &["v1"])).await;
    let over = Arc::new(AtomicBool::new(false));
    let failures = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        writers.spawn(write(Arc::clone(&metadata), writer, Arc::clone(&over)));
    }
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (metadata, over) = (Arc::clone(&metadata), Arc::clone(&over));
        readers.spawn(read(metadata, over, Arc::clone(&failures)));
    }
    for _ in 0..2 {
        sleep(Duration::from_millis(300)).await;
        server.restart().await;
        sleep(Duration::from_millis(300)).await;
        server.kill().await;
    }
    sleep(Duration::from_millis(300)).await;
    over.store(true, Ordering::SeqCst);
    while let Some(ended) = readers.join_next().await {
        ended.unwrap();
    }
    let mut acknowledged = Vec::new();
    while let Some(ended) = writers.join_next().await {
        acknowledged.extend(ended.unwrap());
    }
    let tags = metadata.list_tags(&name("a/b"), None, 1_000_000).await;
    let tags = tags.unwrap().unwrap();
    for tag in &acknowledged {
        assert!(tags.iter().any(|there| there.as_str() == tag), "{tag}");
    }
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    // At most one for each reader each time.
    let failures = failures.load(Ordering::SeqCst);
    assert!(failures <= 4 * 4, "{failures} reads failed");
}

/// Every connection of the pool is dead; the first request finds out, and does not suffer from it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_request_after_a_restart_succeeds() {
    let mut server = Postgres::start().await;
    let database = Database::at(server.create_database().await);
    let metadata = database.open().await.unwrap();
    let digest = push(&metadata, tagged("a/b", "{}", &["v1"])).await;
    for kill in [false, true] {
        join_all((0..20).map(|_| resolve(&metadata, "a/b", "v1"))).await;
        if kill {
            server.kill().await;
        } else {
            server.restart().await;
        }
        assert_eq!(resolve(&metadata, "a/b", "v1").await, Some(digest));
        push(&metadata, tagged("a/b", "{}", &["v2"])).await;
    }
    let retries = counters(&database.metrics, "registry_database_retries_total");
    assert!(
        retries.iter().any(|(reason, _)| reason == "connection"),
        "{retries:?}"
    );
}

#[tokio::test]
async fn a_database_that_is_down_is_unavailable_until_it_is_back() {
    let mut server = Postgres::start().await;
    let database = Database::at(server.create_database().await);
    let options = OpenOptions {
        acquire_timeout: Duration::from_millis(300),
        ..database.options()
    };
    let metadata = PostgresMetadata::open(options).await.unwrap();
    metadata.probe().await.unwrap();
    server.stop().await;
    let began = Instant::now();
    assert!(is_unavailable(&metadata.probe().await));
    let read = metadata.read_manifest(&name("a/b"), &by_tag("v1")).await;
    assert!(is_unavailable(&read), "{read:?}");
    let pushed = tagged("a/b", "{}", &["v1"]);
    let written = metadata
        .commit_manifest(&change(), Guard::open(), pushed.clone())
        .await;
    assert!(is_unavailable(&written), "{written:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
    server.restart().await;
    metadata.probe().await.unwrap();
    push(&metadata, pushed).await;
}

/// Whoever holds a lock too long holds up others no longer than they are willing to wait.
#[tokio::test]
async fn a_lock_is_not_waited_for_forever() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    push(&metadata, tagged("a/b", "{}", &["v1"])).await;
    let mut holder = database.connect().await;
    holder
        .execute("BEGIN; LOCK TABLE tags IN EXCLUSIVE MODE")
        .await
        .unwrap();
    let pushed = tagged("a/b", "two", &["v1"]);
    let began = Instant::now();
    let waited = metadata
        .commit_manifest(&change(), Guard::open(), pushed.clone())
        .await;
    assert!(is_unavailable(&waited), "{waited:?}");
    assert!(began.elapsed() < Duration::from_secs(20));
    assert!(
        resolve(&metadata, "a/b", "v1").await.is_some(),
        "reads go on"
    );
    holder.execute("ROLLBACK").await.unwrap();
    push(&metadata, pushed).await;
}

#[tokio::test]
async fn a_statement_does_not_run_forever() {
    let database = Database::migrated().await;
    let options = OpenOptions {
        statement_timeout: Duration::from_millis(100),
        ..database.options()
    };
    let metadata = PostgresMetadata::open(options).await.unwrap();
    let mut holder = database.connect().await;
    holder
        .execute("BEGIN; LOCK TABLE repositories IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let read = metadata.read_manifest(&name("a/b"), &by_tag("v1")).await;
    assert!(is_unavailable(&read), "{read:?}");
    holder.execute("ROLLBACK").await.unwrap();
    let read = metadata.read_manifest(&name("a/b"), &by_tag("v1")).await;
    assert_eq!(read.unwrap(), Lookup::NoRepository);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_not_waited_for_forever() {
    let database = Database::migrated().await;
    let options = OpenOptions {
        connections: 1,
        acquire_timeout: Duration::from_millis(200),
        ..database.options()
    };
    let metadata = PostgresMetadata::open(options).await.unwrap();
    let mut holder = database.connect().await;
    holder
        .execute("BEGIN; LOCK TABLE repositories IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let (repository, v1) = (name("a/b"), by_tag("v1"));
    let (first, second) = tokio::join!(metadata.read_manifest(&repository, &v1), async {
        sleep(Duration::from_millis(50)).await;
        let second = metadata.read_manifest(&repository, &v1).await;
        holder.execute("ROLLBACK").await.unwrap();
        second
    });
    assert_eq!(first.unwrap(), Lookup::NoRepository);
    assert!(is_unavailable(&second), "{second:?}");
}

/// As many a provider makes it whose disk is full: what is there is served, and nothing waits for a restart.
#[tokio::test]
async fn a_server_that_takes_no_writes_serves_reads() {
    let database = Database::migrated().await;
    let options = OpenOptions {
        connections: 2,
        acquire_timeout: Duration::from_millis(500),
        ..database.options()
    };
    let metadata = PostgresMetadata::open(options).await.unwrap();
    let digest = push(&metadata, tagged("a/b", "{}", &["v1"])).await;
    let database_name = database.url.rsplit('/').next().unwrap();
    let server = Postgres::shared().await;
    let become_read_only = async |on: &str| {
        let set =
            format!("ALTER DATABASE {database_name} SET default_transaction_read_only = {on}");
        server.execute("postgres", &set).await;
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database_name}'"
        );
        server.execute("postgres", &end).await;
    };
    become_read_only("on").await;
    metadata.probe().await.unwrap();
    let pushed = tagged("a/b", "two", &["v1"]);
    for _ in 0..10 {
        let written = metadata
            .commit_manifest(&change(), Guard::open(), pushed.clone())
            .await;
        assert!(written.is_err(), "{written:?}");
        assert_eq!(resolve(&metadata, "a/b", "v1").await, Some(digest));
    }
    metadata.probe().await.unwrap();
    become_read_only("off").await;
    metadata.probe().await.unwrap();
    push(&metadata, pushed).await;
}

/// A client that goes away in the middle leaves nothing half done, and no connection in use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_write_is_rolled_back() {
    let database = Database::migrated().await;
    let options = OpenOptions {
        connections: 2,
        ..database.options()
    };
    let metadata = PostgresMetadata::open(options).await.unwrap();
    push(&metadata, tagged("a/b", "{}", &["v1"])).await;
    let mut holder = database.connect().await;
    for _ in 0..10 {
        holder
            .execute("BEGIN; LOCK TABLE tags IN EXCLUSIVE MODE")
            .await
            .unwrap();
        let judged = Guard::new(|_| Ok(()));
        let change = change();
        let write = metadata.commit_manifest(&change, judged, tagged("a/b", "two", &["v1"]));
        let abandoned = tokio::time::timeout(Duration::from_millis(30), write).await;
        assert!(abandoned.is_err(), "{abandoned:?}");
        holder.execute("ROLLBACK").await.unwrap();
    }
    let digest = push(&metadata, tagged("a/b", "three", &["v1"])).await;
    assert_eq!(resolve(&metadata, "a/b", "v1").await, Some(digest));
    let two = registry_core::testing::metadata::digest_of(b"two");
    let read = metadata.read_manifest(&name("a/b"), &two.into()).await;
    assert_eq!(read.unwrap(), Lookup::Absent);
}

/// Nor does the server go on with what nobody waits for any more, which would leave more at work there than a pod has
/// connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_statement_ends_at_the_server() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    let mut holder = database.connect().await;
    holder
        .execute("BEGIN; LOCK TABLE repositories IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let (repository, v1) = (name("a/b"), by_tag("v1"));
    let read = metadata.read_manifest(&repository, &v1);
    let abandoned = tokio::time::timeout(Duration::from_millis(100), read).await;
    assert!(abandoned.is_err(), "{abandoned:?}");
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let began = Instant::now();
    while holder.fetch_one(waiting).await.unwrap().get::<i64, _>(0) > 0 {
        // It may wait for 10 s.
        assert!(began.elapsed() < Duration::from_secs(7), "it still waits");
        sleep(Duration::from_millis(50)).await;
    }
}
