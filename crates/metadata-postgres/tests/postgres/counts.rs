//! How many round trips to the database an operation takes.

use oci_types::Algorithm;
use registry_core::change::Guard;
use registry_core::ports::{
    BlobIndex as _, BlobKind, Catalog as _, Checkpoint, Claim, FinishedUpload, Lease, LeaseAfter,
    Lifetimes, Lookup, ManifestStore as _, Metadata, MissingReferences, NewManifest, Part,
    Probe as _, ReferrerIndex as _, ReferrerQuery, StorageDeletions as _, StorageKey, Stored,
    TagIndex as _, UploadPurpose, UploadStart, UploadStore as _,
};
use registry_core::testing::metadata::{
    by_tag, change, digest_of, dry_run, manifest, name, new_upload, published, push, push_blob,
    reference, tag, tagged,
};

use super::{Database, counters};

/// The statements `operation` runs, with how often.
async fn statements<T>(
    database: &Database,
    operation: impl Future<Output = T>,
) -> Vec<(String, u64)> {
    let before = database.queries();
    operation.await;
    let after = database.queries();
    let ran = after.into_iter().zip(before);
    let ran = ran.map(|((name, after), (_, before))| (name, after - before));
    ran.filter(|(_, count)| *count > 0).collect()
}

async fn count<T>(database: &Database, operation: impl Future<Output = T>) -> u64 {
    let ran = statements(database, operation).await;
    ran.iter().map(|(_, count)| count).sum()
}

/// What `operation` runs is this, each once.
macro_rules! assert_runs {
    ($database:expr, $operation:expr, [$($name:literal),+]) => {
        let ran = statements(&$database, async { $operation.await.unwrap() }).await;
        let mut expected = vec![$(($name.to_owned(), 1)),+];
        expected.sort_unstable();
        assert_eq!(ran, expected);
    };
}

#[tokio::test]
async fn a_read_is_one_query() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    push_blob(&metadata, "a/b", b"blob").await;
    let digest = push(&metadata, tagged("a/b", "{}", &["v1"])).await;
    let (repository, v1) = (name("a/b"), by_tag("v1"));
    for _ in 0..2 {
        assert_runs!(
            database,
            metadata.stat_manifest(&repository, &v1),
            ["manifest_stat_by_tag"]
        );
        assert_runs!(
            database,
            metadata.read_manifest(&repository, &v1),
            ["manifest_read_by_tag"]
        );
        assert_runs!(
            database,
            metadata.stat_manifest(&repository, &digest.into()),
            ["manifest_stat_by_digest"]
        );
        assert_runs!(
            database,
            metadata.read_manifest(&repository, &digest.into()),
            ["manifest_read_by_digest"]
        );
        assert_runs!(
            database,
            metadata.find_blob(&repository, &digest_of(b"blob")),
            ["blob_find"]
        );
        assert_runs!(
            database,
            metadata.list_tags(&repository, None, 100),
            ["tag_list"]
        );
        assert_runs!(
            database,
            metadata.list_repositories(None, 100),
            ["repository_list"]
        );
        let query = ReferrerQuery {
            subject: digest,
            artifact_type: None,
            after: None,
            limit: 10,
        };
        assert_runs!(
            database,
            metadata.list_referrers(&repository, &query),
            ["referrer_list"]
        );
        assert_runs!(
            database,
            metadata.take_deletions(10),
            ["storage_deletion_take"]
        );
        assert_runs!(database, metadata.probe(), ["probe"]);
    }
}

#[tokio::test]
async fn what_is_absent_takes_one_query_too() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    let (repository, reference) = (name("a/b"), by_tag("v1"));
    let absent = metadata.read_manifest(&repository, &reference);
    assert_eq!(count(&database, absent).await, 1);
    push(&metadata, manifest("a/b", "{}")).await;
    let absent = metadata.read_manifest(&repository, &reference);
    assert_eq!(count(&database, absent).await, 1);
}

/// Only near the end of its link.
#[tokio::test]
async fn a_found_blob_is_extended_with_one_statement_more() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    push_blob(&metadata, "a/b", b"blob").await;
    let (repository, digest) = (name("a/b"), digest_of(b"blob"));
    database.clock.advance(Lifetimes::default().blob_link);
    assert_runs!(
        database,
        metadata.find_blob(&repository, &digest),
        ["blob_find", "blob_extend"]
    );
    assert_runs!(
        database,
        metadata.find_blob(&repository, &digest),
        ["blob_find"]
    );
}

/// A new manifest or a known one, with one layer or a hundred, one tag or a thousand.
#[tokio::test]
async fn a_push_is_one_statement_whatever_it_names() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    push(&metadata, manifest("a/b", "first")).await;
    let layer = |number: usize| reference(number.to_string().as_bytes(), BlobKind::Layer);
    let image = |payload: &str, layers: usize, tags: usize| NewManifest {
        references: (0..layers).map(layer).collect(),
        tags: (0..tags)
            .map(|number| tag(&format!("t{number:04}")))
            .collect(),
        missing_references: MissingReferences::Accept,
        ..manifest("a/b", payload)
    };
    for (layers, tags) in [(1, 1), (100, 1), (1, 1_000), (100, 1_000)] {
        let payload = format!("{layers} layers, {tags} tags");
        for _ in 0..2 {
            let pushed = push(&metadata, image(&payload, layers, tags));
            let ran = statements(&database, pushed).await;
            assert_eq!(ran, [("manifest_commit".to_owned(), 1)]);
        }
    }
}

/// The first write to a repository creates it, in a transaction that may still be refused.
#[tokio::test]
async fn a_new_repository_costs_a_transaction_once() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    let ran = statements(&database, push(&metadata, manifest("a/b", "first"))).await;
    let expected = [
        ("begin", 1),
        ("commit", 1),
        ("manifest_commit", 2),
        ("repository_create", 1),
    ];
    assert_eq!(
        ran,
        expected
            .map(|(name, count)| (name.to_owned(), count))
            .to_vec()
    );
    let again = push(&metadata, manifest("a/b", "second"));
    assert_eq!(count(&database, again).await, 1);
}

/// From the first byte to the visible blob.
#[tokio::test]
async fn each_step_of_an_upload_is_one_statement() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    push(&metadata, manifest("a/b", "{}")).await;
    let (change, repository) = (change(), name("a/b"));
    let upload = new_upload("a/b", UploadStart::Leased);
    let (id, object) = (upload.id, upload.object);
    let lease = Lease { id, fence: 1 };
    let stored = |number| Stored {
        parts: vec![Part {
            number,
            size: 2,
            tag: format!("tag {number}"),
        }],
        ..Stored::default()
    };
    let checkpoint = Checkpoint {
        committed: 2,
        hash_state: blob_hash::Hasher::new(Algorithm::Sha256).state(),
        stored: stored(1),
        lease: LeaseAfter::Release,
    };
    let digest = digest_of(b"blob");
    assert_runs!(
        database,
        metadata.create_upload(&change, upload),
        ["upload_create"]
    );
    assert_runs!(database, metadata.renew_upload(lease), ["upload_renew"]);
    assert_runs!(
        database,
        metadata.checkpoint_upload(lease, checkpoint),
        ["upload_checkpoint"]
    );
    assert_runs!(
        database,
        metadata.find_upload(&repository, id),
        ["upload_find"]
    );
    let write = UploadPurpose::Write { expected: Some(2) };
    assert_runs!(
        database,
        metadata.acquire_upload(&change, &repository, id, write),
        ["upload_acquire"]
    );
    let lease = Lease { id, fence: 2 };
    let claim = Claim {
        digest,
        size: 4,
        hash_state: blob_hash::Hasher::new(Algorithm::Sha256).state(),
        stored: stored(2),
    };
    assert_runs!(
        database,
        metadata.claim_upload(lease, claim),
        ["upload_claim"]
    );
    assert_runs!(database, metadata.release_upload(lease), ["upload_release"]);
    let finish = UploadPurpose::Finish { digest };
    assert_runs!(
        database,
        metadata.acquire_upload(&change, &repository, id, finish),
        ["upload_acquire_finish"]
    );
    let finished = FinishedUpload {
        lease: Lease { id, fence: 3 },
        digest,
        size: 4,
        published: published(StorageKey::of(object)),
    };
    assert_runs!(
        database,
        metadata.finalize_upload(&change, Guard::open(), finished),
        ["upload_finalize"]
    );
    let target = name("a/b");
    assert_runs!(
        database,
        metadata.mount_blob(&change, Guard::open(), Some(&repository), &target, &digest),
        ["blob_mount"]
    );
}

#[tokio::test]
async fn a_deletion_is_one_statement() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    push_blob(&metadata, "a/b", b"blob").await;
    let digest = push(&metadata, tagged("a/b", "{}", &["v1", "v2"])).await;
    let (change, repository) = (change(), name("a/b"));
    assert_runs!(
        database,
        metadata.delete_tag(&change, Guard::open(), &repository, &tag("v1")),
        ["tag_delete"]
    );
    assert_runs!(
        database,
        metadata.delete_manifest(&change, Guard::open(), &repository, &digest),
        ["manifest_delete"]
    );
    assert_runs!(
        database,
        metadata.delete_blob(&change, &repository, &digest_of(b"blob")),
        ["blob_delete"]
    );
}

/// What a guard judges, or what must leave nothing, is the same statement in a transaction.
#[tokio::test]
async fn a_condition_costs_a_transaction() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    push(&metadata, manifest("a/b", "{}")).await;
    let change = change();
    assert_runs!(
        database,
        metadata.commit_manifest(
            &change,
            Guard::new(|_| Ok(())),
            tagged("a/b", "{}", &["v1"])
        ),
        ["begin", "commit", "manifest_commit"]
    );
    let refuse = registry_core::testing::metadata::refuse();
    assert_runs!(
        database,
        metadata.commit_manifest(&change, refuse, tagged("a/b", "{}", &["v1"])),
        ["begin", "manifest_commit", "rollback"]
    );
    assert_runs!(
        database,
        metadata.commit_manifest(&dry_run(), Guard::open(), tagged("a/b", "{}", &["v1"])),
        ["begin", "manifest_commit", "rollback"]
    );
}

/// The bytes of a manifest are sent once, and not again while they are in memory.
#[tokio::test]
async fn payloads_are_sent_once() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    let sent = || {
        let sent = counters(&database.metrics, "registry_cache_misses_total");
        sent.into_iter().map(|(_, count)| count).sum::<u64>()
    };
    let read = async |metadata: &dyn Metadata, text: &str| {
        let found = metadata.read_manifest(&name("a/b"), &by_tag(text)).await;
        match found.unwrap() {
            Lookup::Found(found) => found.payload,
            other => panic!("{other:?}"),
        }
    };
    push(&metadata, tagged("a/b", "one", &["v1", "v2"])).await;
    for expected in [1, 1] {
        assert_eq!(read(&metadata, "v1").await, "one");
        assert_eq!(sent(), expected);
    }
    // Under another tag nobody knows yet that it is the same.
    assert_eq!(read(&metadata, "v2").await, "one");
    assert_eq!(sent(), 2);
    // Another process moves the tag: what is read is what is there.
    let another = database.open_another().await;
    push(&another, tagged("a/b", "two", &["v1"])).await;
    assert_eq!(read(&metadata, "v1").await, "two");
    assert_eq!(sent(), 3);
    assert_eq!(read(&metadata, "v1").await, "two");
    assert_eq!(sent(), 3);
    let digest = digest_of(b"one");
    another
        .delete_manifest(&change(), Guard::open(), &name("a/b"), &digest)
        .await
        .unwrap();
    let gone = metadata.read_manifest(&name("a/b"), &digest.into()).await;
    assert_eq!(gone.unwrap(), Lookup::Absent);
}
