//! What is acknowledged is on the disk: by the time a write is answered, its bytes were synced and its rows committed.
//! A killed process cannot show that, because the system's page cache outlives it; the server's own counters can.

use berth_tests::{Blob, Document, TestRegistry, for_each_backend, metrics::Metrics};

use crate::{QUERIES, quiet};

const ACTIONS: &str = "registry_storage_action_seconds_count";

/// The actions after which bytes are on the disk, or in the bucket.
const SYNCING: [&str; 4] = ["flush", "close", "publish", "put"];

/// How often bytes were synced between two scrapes, by action.
fn synced(before: &Metrics, after: &Metrics) -> Vec<(String, f64)> {
    let mut grown = after.grown_since(before, ACTIONS);
    grown.retain(|(series, _)| {
        SYNCING
            .iter()
            .any(|action| series.contains(&format!("action=\"{action}\"")))
    });
    grown
}

/// How many transactions were committed between two scrapes. On a shared database each statement is one.
fn committed(registry: &TestRegistry, before: &Metrics, after: &Metrics) -> f64 {
    let queries = after.grown_since(before, QUERIES);
    let each = registry.stores().is_some();
    let commits = queries
        .iter()
        .filter(|(series, _)| each || series.contains("name=\"commit\""));
    commits.map(|(_, count)| count).sum()
}

/// Follows what each step of a test did to the disk.
struct Witness<'a> {
    registry: &'a TestRegistry,
    before: Metrics,
}

impl<'a> Witness<'a> {
    async fn of(registry: &'a TestRegistry) -> Self {
        let before = registry.metrics().await;
        assert!(before.contains(ACTIONS) && before.contains(QUERIES));
        Self { registry, before }
    }

    /// Asserts that since the last step bytes were synced and a transaction was committed.
    async fn expect_bytes_and_rows(&mut self, step: &str) {
        let after = self.expect_rows(step).await;
        let synced = synced(&self.before, &after);
        assert!(!synced.is_empty(), "{step} was answered before a sync");
        self.before = after;
    }

    /// Asserts that since the last step a transaction was committed.
    async fn expect_rows(&self, step: &str) -> Metrics {
        let after = self.registry.metrics().await;
        let committed = committed(self.registry, &self.before, &after);
        assert!(committed >= 1.0, "{step} was answered before a commit");
        after
    }
}

#[tokio::test]
async fn every_acknowledged_chunk_was_synced_and_noted() {
    for_each_backend(async |builder| {
        let registry = quiet(builder).start().await;
        let repository = registry.repository("team/app");
        let blob = Blob::random(3 << 20);
        let mut location = repository.start_upload().await;
        let mut witness = Witness::of(&registry).await;
        for chunk in blob.bytes.chunks(1 << 20) {
            let answer = repository.patch(&location, chunk).send().await;
            location = answer.expect_status(202).location();
            witness.expect_bytes_and_rows("a chunk").await;
        }
        let finish = repository.finish_upload(&location, &blob.digest, &[]);
        finish.send().await.expect_status(201);
        witness.expect_bytes_and_rows("the end of an upload").await;
    })
    .await;
}

#[tokio::test]
async fn every_acknowledged_blob_was_synced_and_linked() {
    for_each_backend(async |builder| {
        let registry = quiet(builder).start().await;
        let repository = registry.repository("team/app");
        for size in [1, 10_000, 1 << 20, 3 << 20] {
            let blob = Blob::random(size);
            let location = repository.start_upload().await;
            let mut witness = Witness::of(&registry).await;
            let finish = repository.finish_upload(&location, &blob.digest, &blob.bytes);
            finish.send().await.expect_status(201);
            let step = format!("a blob of {size} bytes");
            witness.expect_bytes_and_rows(&step).await;
        }
    })
    .await;
}

#[tokio::test]
async fn every_acknowledged_manifest_tag_and_deletion_was_committed() {
    for_each_backend(async |builder| {
        let registry = quiet(builder).start().await;
        let (repository, image) = (registry.repository("team/app"), Document::image(2));
        for blob in &image.blobs {
            repository.push_blob(blob).await;
        }
        for (step, request, status) in [
            ("a manifest", repository.put_manifest("1", &image), 201),
            ("a tag", repository.put_manifest("2", &image), 201),
            ("a tag's end", repository.delete_manifest("1"), 202),
            ("the end", repository.delete_manifest(&image.digest), 202),
        ] {
            let witness = Witness::of(&registry).await;
            request.send().await.expect_status(status);
            witness.expect_rows(step).await;
        }
    })
    .await;
}
