//! Everybody at once: tags that move and manifests that come and go, while others read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use metadata_sqlite::SqliteMetadata;
use oci_types::Reference;
use registry_core::change::Guard;
use registry_core::ports::{Lookup, ManifestDeletion, ManifestStore as _};
use registry_core::testing::metadata::{by_tag, change, digest_of, manifest, name, push, tagged};
use tokio::task::JoinSet;

use super::Database;

const KEYS: usize = 4;
const ROUNDS: usize = 120;

/// What a writer of one key has begun and what it was told is done. A read that begins when `done`
/// is n must see round n or a later one that was begun before it ended.
#[derive(Debug, Default)]
struct Progress {
    begun: AtomicUsize,
    done: AtomicUsize,
}

fn content(key: usize, round: usize) -> String {
    format!("key {key} round {round:6}")
}

fn round_of(payload: &[u8]) -> usize {
    std::str::from_utf8(payload)
        .unwrap()
        .rsplit(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

/// Moves its tag on.
async fn move_tag(metadata: Arc<SqliteMetadata>, key: usize, progress: Arc<Progress>) {
    for round in 1..=ROUNDS {
        progress.begun.store(round, Ordering::SeqCst);
        push(
            &*metadata,
            tagged("a/b", &content(key, round), &[format!("t{key}").as_str()]),
        )
        .await;
        progress.done.store(round, Ordering::SeqCst);
    }
}

async fn watch_tag(metadata: Arc<SqliteMetadata>, key: usize, progress: Arc<Progress>) {
    let mut last = 0;
    while last < ROUNDS {
        let done = progress.done.load(Ordering::SeqCst);
        let found = metadata
            .read_manifest(&name("a/b"), &by_tag(&format!("t{key}")))
            .await
            .unwrap();
        let begun = progress.begun.load(Ordering::SeqCst);
        match found {
            Lookup::Found(found) => {
                let seen = round_of(&found.payload);
                assert!(
                    (done.max(last)..=begun).contains(&seen),
                    "saw {seen} after {last}, done {done}, begun {begun}"
                );
                assert_eq!(found.stat.digest, digest_of(&found.payload));
                last = seen;
            }
            Lookup::Absent | Lookup::NoRepository => assert_eq!((done, last), (0, 0)),
        }
        tokio::task::yield_now().await;
    }
}

/// Pushes a manifest in odd rounds and deletes it in even ones.
async fn toggle(metadata: Arc<SqliteMetadata>, key: usize, progress: Arc<Progress>) {
    let payload = format!("toggled {key}");
    let digest = digest_of(payload.as_bytes());
    for round in 1..=ROUNDS {
        progress.begun.store(round, Ordering::SeqCst);
        if round % 2 == 1 {
            push(&*metadata, manifest("a/b", &payload)).await;
        } else {
            let gone = metadata
                .delete_manifest(&change(), Guard::open(), &name("a/b"), &digest)
                .await;
            assert_eq!(gone.unwrap(), ManifestDeletion::Deleted);
        }
        progress.done.store(round, Ordering::SeqCst);
    }
}

async fn watch_toggled(metadata: Arc<SqliteMetadata>, key: usize, progress: Arc<Progress>) {
    let reference = Reference::Digest(digest_of(format!("toggled {key}").as_bytes()));
    loop {
        let done = progress.done.load(Ordering::SeqCst);
        let found = metadata
            .stat_manifest(&name("a/b"), &reference)
            .await
            .unwrap();
        let begun = progress.begun.load(Ordering::SeqCst);
        let present = matches!(found, Lookup::Found(_));
        let possible = (done..=begun).any(|round| (round % 2 == 1) == present);
        assert!(
            possible,
            "present: {present}, but rounds {done} to {begun} were between"
        );
        if done == ROUNDS {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_read_is_true_while_everybody_writes() {
    let database = Database::new();
    let metadata = Arc::new(database.open().await.unwrap());
    let mut tasks = JoinSet::new();
    for key in 0..KEYS {
        let (moved, toggled) = (Arc::new(Progress::default()), Arc::new(Progress::default()));
        for _ in 0..2 {
            tasks.spawn(watch_tag(Arc::clone(&metadata), key, Arc::clone(&moved)));
            tasks.spawn(watch_toggled(
                Arc::clone(&metadata),
                key,
                Arc::clone(&toggled),
            ));
        }
        tasks.spawn(move_tag(Arc::clone(&metadata), key, moved));
        tasks.spawn(toggle(Arc::clone(&metadata), key, toggled));
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let hits = database.metrics.gather();
    let hits = hits
        .iter()
        .find(|family| family.name() == "registry_cache_hits_total")
        .unwrap();
    let hits: f64 = hits
        .get_metric()
        .iter()
        .map(|metric| metric.get_counter().get_value())
        .sum();
    assert!(hits > 0.0, "nothing came from the cache");
}
