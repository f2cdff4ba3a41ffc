//! Look-ups by digest on a server that follows. Here that is a copy of the database, which will never
//! catch up: so it shows who was asked.

use std::time::{Duration, Instant};

use berth_test_servers::Postgres;
use metadata_postgres::{OpenOptions, PostgresMetadata};
use oci_types::{Digest, Reference};
use registry_core::change::Guard;
use registry_core::ports::{BlobIndex as _, Lifetimes, Lookup, ManifestStore as _, TagIndex as _};
use registry_core::testing::metadata::{
    by_tag, change, digest_of, manifest, name, push, push_blob, tag, tagged,
};

use super::Database;

async fn with_replica(database: &Database, replica: String) -> PostgresMetadata {
    let options = OpenOptions {
        replica_url: Some(replica),
        ..database.options()
    };
    PostgresMetadata::open(options).await.unwrap()
}

async fn is_there(metadata: &PostgresMetadata, reference: Reference) -> bool {
    let repository = name("a/b");
    let read = metadata.read_manifest(&repository, &reference).await;
    let stat = metadata.stat_manifest(&repository, &reference).await;
    let read = matches!(read.unwrap(), Lookup::Found(_));
    assert_eq!(read, matches!(stat.unwrap(), Lookup::Found(_)));
    read
}

async fn has_blob(metadata: &PostgresMetadata, digest: &Digest) -> bool {
    let found = metadata.find_blob(&name("a/b"), digest).await.unwrap();
    matches!(found, Lookup::Found(_))
}

#[tokio::test]
async fn look_ups_by_digest_go_there_and_no_others() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    let old = push(&metadata, tagged("a/b", "old", &["old"])).await;
    push_blob(&metadata, "a/b", b"old").await;
    metadata.close().await;
    let copy = Postgres::shared()
        .await
        .create_database_from(&database.url)
        .await;
    let database = Database::at(database.url);
    let metadata = with_replica(&database, copy).await;

    // What has not arrived there, the primary knows.
    let new = push(&metadata, tagged("a/b", "new", &["new"])).await;
    push_blob(&metadata, "a/b", b"new").await;
    for reference in [new.into(), by_tag("new"), old.into(), by_tag("old")] {
        assert!(is_there(&metadata, reference).await);
    }
    assert!(has_blob(&metadata, &digest_of(b"new")).await);
    assert!(has_blob(&metadata, &digest_of(b"old")).await);

    // What is gone goes on being answered from there by its digest, and not by a tag.
    metadata
        .delete_tag(&change(), Guard::open(), &name("a/b"), &tag("old"))
        .await
        .unwrap();
    metadata
        .delete_manifest(&change(), Guard::open(), &name("a/b"), &old)
        .await
        .unwrap();
    assert!(is_there(&metadata, old.into()).await);
    assert!(!is_there(&metadata, by_tag("old")).await);
}

/// The follower cannot keep the promise that a look-up makes.
#[tokio::test]
async fn a_link_that_ends_soon_is_extended_at_the_primary() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    push_blob(&metadata, "a/b", b"blob").await;
    metadata.close().await;
    let copy = Postgres::shared()
        .await
        .create_database_from(&database.url)
        .await;
    let database = Database::at(database.url);
    let metadata = with_replica(&database, copy).await;
    database.clock.advance(Lifetimes::default().blob_link);
    assert!(has_blob(&metadata, &digest_of(b"blob")).await);
    let extended = database.queries();
    let extended = extended.iter().find(|(name, _)| name == "blob_extend");
    assert_eq!(extended.unwrap().1, 1);
}

/// Nor does one that is not there matter for long.
#[tokio::test]
async fn without_it_the_primary_answers() {
    let database = Database::migrated().await;
    let nowhere = "postgres://postgres@127.0.0.1:1/nowhere".to_owned();
    let metadata = with_replica(&database, nowhere).await;
    let digest = push(&metadata, manifest("a/b", "{}")).await;
    let began = Instant::now();
    for _ in 0..20 {
        assert!(is_there(&metadata, digest.into()).await);
    }
    assert!(began.elapsed() < Duration::from_secs(2));
}
