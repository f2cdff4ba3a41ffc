//! How many round trips to the database an operation takes. COMMIT counts; many jobs share
//! one, so here each operation is alone.

use oci_types::Algorithm;
use registry_core::change::Guard;
use registry_core::ports::{
    BlobIndex as _, BlobKind, Checkpoint, Claim, FinishedUpload, Lease, LeaseAfter, Lifetimes,
    Lookup, ManifestStore as _, Metadata, MissingReferences, NewManifest, StorageKey, Stored,
    TagIndex as _, UploadStart, UploadStore as _,
};
use registry_core::testing::metadata::{
    by_tag, change, digest_of, manifest, name, new_upload, published, push, push_blob, reference,
    tag, tagged,
};

use super::Database;

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

async fn read(metadata: &dyn Metadata, text: &str) {
    let found = metadata.read_manifest(&name("a/b"), &by_tag(text)).await;
    assert!(matches!(found.unwrap(), Lookup::Found(_)));
}

async fn stat(metadata: &dyn Metadata, text: &str) {
    let found = metadata.stat_manifest(&name("a/b"), &by_tag(text)).await;
    assert!(matches!(found.unwrap(), Lookup::Found(_)));
}

async fn find(metadata: &dyn Metadata) {
    let found = metadata.find_blob(&name("a/b"), &digest_of(b"blob")).await;
    assert!(matches!(found.unwrap(), Lookup::Found(_)));
}

#[tokio::test]
async fn a_manifest_is_read_with_one_query_and_then_with_none() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    let digest = push(&metadata, tagged("a/b", "{}", &["v1", "v2"])).await;
    assert_eq!(count(&database, stat(&metadata, "v1")).await, 1);
    assert_eq!(count(&database, stat(&metadata, "v1")).await, 0);
    // HEAD read no payload.
    assert_eq!(count(&database, read(&metadata, "v1")).await, 1);
    assert_eq!(count(&database, read(&metadata, "v1")).await, 0);
    let by_digest = metadata.read_manifest(&name("a/b"), &digest.into()).await;
    assert!(matches!(by_digest.unwrap(), Lookup::Found(_)));
    assert_eq!(count(&database, read(&metadata, "v2")).await, 1);
    assert_eq!(count(&database, read(&metadata, "v2")).await, 0);
}

#[tokio::test]
async fn what_is_absent_takes_one_query_each_time() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    for _ in 0..2 {
        let (repository, reference) = (name("a/b"), by_tag("v1"));
        let absent = metadata.read_manifest(&repository, &reference);
        assert_eq!(count(&database, absent).await, 1);
    }
}

#[tokio::test]
async fn a_blob_is_found_with_one_query_and_then_with_none() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    push_blob(&metadata, "a/b", b"blob").await;
    assert_eq!(count(&database, find(&metadata)).await, 1);
    assert_eq!(count(&database, find(&metadata)).await, 0);
    // Near the end of its link it is extended, once.
    database.clock.advance(Lifetimes::default().blob_link);
    let extended = statements(&database, find(&metadata)).await;
    assert!(
        extended.contains(&("blob_extend".to_owned(), 1)),
        "{extended:?}"
    );
    assert_eq!(count(&database, find(&metadata)).await, 1);
    assert_eq!(count(&database, find(&metadata)).await, 0);
}

/// A new manifest or a known one, with one layer or a hundred, one tag or a thousand.
#[tokio::test]
async fn a_push_takes_as_many_statements_whatever_it_names() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    let layer = |number: usize| reference(number.to_string().as_bytes(), BlobKind::Layer);
    let image = |payload: &str, layers: usize, tags: usize| NewManifest {
        references: (0..layers).map(layer).collect(),
        tags: (0..tags)
            .map(|number| tag(&format!("t{number:04}")))
            .collect(),
        missing_references: MissingReferences::Accept,
        ..manifest("a/b", payload)
    };
    let mut counts = Vec::new();
    for (layers, tags) in [(1, 1), (100, 1), (1, 1_000), (100, 1_000)] {
        let payload = format!("{layers} layers, {tags} tags");
        for _ in 0..2 {
            let pushed = push(&metadata, image(&payload, layers, tags));
            counts.push(count(&database, pushed).await);
        }
    }
    assert_eq!(counts, [STATEMENTS_OF_A_PUSH; 8]);
}

/// One text, and COMMIT.
const STATEMENTS_OF_A_PUSH: u64 = 2;

#[tokio::test]
async fn a_push_takes_as_many_statements_whatever_is_there() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    let push_one = |payload| push(&metadata, tagged("a/b", payload, &["v1"]));
    let first = statements(&database, push_one("first")).await;
    for number in 0..300 {
        let tag = format!("t{number}");
        push(&metadata, tagged("a/b", &tag, &[tag.as_str()])).await;
    }
    assert_eq!(statements(&database, push_one("last")).await, first);
}

#[tokio::test]
async fn a_page_takes_one_query() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    push(&metadata, tagged("a/b", "{}", &["v1", "v2"])).await;
    let repository = name("a/b");
    let listed = metadata.list_tags(&repository, None, 100);
    assert_eq!(count(&database, listed).await, 1);
}

#[tokio::test]
async fn pushing_one_tag_leaves_others_in_the_cache() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    for text in ["one", "two"] {
        push(&metadata, tagged("a/b", text, &[text])).await;
        read(&metadata, text).await;
    }
    push(&metadata, tagged("a/b", "three", &["two"])).await;
    assert_eq!(count(&database, read(&metadata, "one")).await, 0);
    assert_eq!(count(&database, read(&metadata, "two")).await, 1);
}

#[tokio::test]
async fn without_a_cache_each_read_is_one_query() {
    let database = Database::new();
    let metadata = database.open_with(0).await.unwrap();
    push(&metadata, tagged("a/b", "{}", &["v1"])).await;
    for _ in 0..2 {
        assert_eq!(count(&database, read(&metadata, "v1")).await, 1);
    }
}

#[tokio::test]
async fn concurrent_writes_share_commits() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    let change = change();
    let pushes = (0..64).map(|number| {
        let pushed = manifest("a/b", &number.to_string());
        metadata.commit_manifest(&change, Guard::open(), pushed)
    });
    let ran = statements(&database, futures_util::future::join_all(pushes)).await;
    let commits = ran.iter().find(|(name, _)| name == "commit").unwrap().1;
    assert!(commits <= 16, "{commits} commits of 64 pushes");
}

/// What a client was promised is on the disk; what only leads there need not be.
#[tokio::test]
async fn promises_are_synced_and_steps_towards_them_are_not() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    let (change, repository) = (change(), name("a/b"));
    let (digest, size) = (digest_of(b"blob"), 4);
    let upload = new_upload("a/b", UploadStart::Leased);
    let lease = Lease {
        id: upload.id,
        fence: 1,
    };
    let checkpoint = Checkpoint {
        committed: 4,
        hash_state: blob_hash::Hasher::new(Algorithm::Sha256).state(),
        stored: Stored::default(),
        lease: LeaseAfter::Keep,
    };
    let claim = Claim {
        digest,
        size,
        hash_state: blob_hash::Hasher::new(Algorithm::Sha256).state(),
        stored: Stored::default(),
    };
    let finished = FinishedUpload {
        lease,
        digest,
        size,
        published: published(StorageKey::of(upload.object)),
    };
    let was_synced = |ran: Vec<(String, u64)>| {
        let ran: Vec<&str> = ran.iter().map(|(name, _)| name.as_str()).collect();
        match (ran.contains(&"commit"), ran.contains(&"commit_unsynced")) {
            (true, false) => true,
            (false, true) => false,
            _ => panic!("{ran:?}"),
        }
    };
    macro_rules! step {
        ($step:expr) => {
            was_synced(statements(&database, async { assert!($step.await.is_ok()) }).await)
        };
    }
    assert!(!step!(metadata.create_upload(&change, upload)));
    assert!(!step!(metadata.renew_upload(lease)));
    assert!(step!(metadata.checkpoint_upload(lease, checkpoint)));
    assert!(step!(metadata.claim_upload(lease, claim)));
    assert!(step!(metadata.finalize_upload(
        &change,
        Guard::open(),
        finished
    )));
    let target = name("a/c");
    assert!(step!(metadata.mount_blob(
        &change,
        Guard::open(),
        Some(&repository),
        &target,
        &digest
    )));
    let pushed = tagged("a/b", "{}", &["v1"]);
    let manifest = pushed.digest;
    assert!(step!(metadata.commit_manifest(
        &change,
        Guard::open(),
        pushed
    )));
    assert!(step!(metadata.delete_tag(
        &change,
        Guard::open(),
        &repository,
        &tag("v1")
    )));
    assert!(step!(metadata.delete_manifest(
        &change,
        Guard::open(),
        &repository,
        &manifest
    )));
    assert!(step!(metadata.delete_blob(&change, &repository, &digest)));
}
