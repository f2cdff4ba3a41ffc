//! Look-ups by digest on a server that follows. Here that is a copy of the database, which will never
//! catch up: so it shows who was asked.

use std::time::{Duration, Instant};

use berth_test_servers::{Postgres, Toxiproxy};
use metadata_postgres::{OpenOptions, PostgresMetadata};
use oci_types::{Digest, Reference};
use registry_core::change::Guard;
use registry_core::ports::{
    BlobDeletion, BlobIndex as _, Lifetimes, Lookup, ManifestDeletion, ManifestStore as _,
    TagIndex as _,
};
use registry_core::testing::metadata::{
    by_tag, change, digest_of, manifest, name, push, push_blob, tag, tagged,
};
use sqlx::Executor as _;
use tokio::time::sleep;

use super::Database;

async fn with_replica(database: &Database, replica: String) -> PostgresMetadata {
    let options = OpenOptions {
        replica_url: Some(replica),
        ..database.options()
    };
    PostgresMetadata::open(options).await.unwrap()
}

async fn is_there(metadata: &PostgresMetadata, reference: Reference) -> bool {
    let read = metadata.read_manifest(&name("a/b"), &reference).await;
    matches!(read.unwrap(), Lookup::Found(_))
}

async fn has_blob(metadata: &PostgresMetadata, digest: &Digest) -> bool {
    let found = metadata.locate_blob(&name("a/b"), digest, u64::MAX).await;
    matches!(found.unwrap(), Lookup::Found(_))
}

/// Another server with what the first has, which counts its transactions by itself.
struct Elsewhere {
    server: Postgres,
    database: Database,
}

impl Elsewhere {
    async fn start() -> Self {
        let server = Postgres::start().await;
        let database = Database::at(server.create_database().await);
        Self { server, database }
    }

    async fn position(&self) -> i64 {
        let position = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text";
        let position = self.server.execute("postgres", position).await;
        position.parse().unwrap()
    }

    /// Lets it count so far at least.
    async fn reach(&self, position: i64) {
        let wanted = position - self.position().await;
        let count = format!(
            "DO $$ BEGIN
                FOR number IN 1..{wanted} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP;
             END $$"
        );
        self.server.execute("postgres", &count).await;
    }
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

/// What was deleted long ago is not answered for, nor what is promised, however long it stands still.
#[tokio::test]
async fn one_that_is_behind_is_not_asked() {
    let (primary, replica) = (Elsewhere::start().await, Elsewhere::start().await);
    let mut digests = Vec::new();
    for database in [&primary.database, &replica.database] {
        let metadata = database.open_another().await;
        digests.push(push(&metadata, manifest("a/b", "{}")).await);
        push_blob(&metadata, "a/b", b"blob").await;
        metadata.close().await;
    }
    primary.reach(replica.position().await + 100).await;
    let metadata = with_replica(&primary.database, replica.database.url.clone()).await;
    let (digest, blob) = (digests[0], digest_of(b"blob"));
    let (change, repository) = (change(), name("a/b"));
    let deleted = metadata.delete_manifest(&change, Guard::open(), &repository, &digest);
    assert_eq!(deleted.await.unwrap(), ManifestDeletion::Deleted);
    let deleted = metadata.delete_blob(&change, &repository, &blob);
    assert_eq!(deleted.await.unwrap(), BlobDeletion::Deleted);
    for _ in 0..10 {
        assert!(!is_there(&metadata, digest.into()).await);
        assert!(!has_blob(&metadata, &blob).await);
    }

    replica.reach(primary.position().await + 100).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_there(&metadata, digest.into()).await {
        assert!(Instant::now() < deadline, "it is not asked again");
        sleep(Duration::from_millis(50)).await;
    }
    assert!(has_blob(&metadata, &blob).await);
    let promised = metadata.find_blob(&repository, &blob).await.unwrap();
    assert_eq!(promised, Lookup::Absent);
    let promised = metadata.stat_manifest(&repository, &digest.into()).await;
    assert_eq!(promised.unwrap(), Lookup::Absent);
}

/// One that answers slowly costs a look-up less than a second, and is left alone then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_slow_is_not_waited_for() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    let digest = push(&metadata, manifest("a/b", "{}")).await;
    metadata.close().await;
    let server = Postgres::shared().await;
    let copy = Database::at(server.create_database_from(&database.url).await);
    let mut holder = copy.connect().await;
    let database = Database::at(database.url);
    let metadata = with_replica(&database, copy.url).await;
    holder
        .execute("BEGIN; LOCK TABLE manifests IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let began = Instant::now();
    for _ in 0..10 {
        assert!(is_there(&metadata, digest.into()).await);
    }
    assert!(began.elapsed() < Duration::from_secs(2));
}

/// One that takes long to connect to is asked all the same, once it is connected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_connects_slowly_is_asked_in_the_end() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    let digest = push(&metadata, manifest("a/b", "{}")).await;
    metadata.close().await;
    let server = Postgres::shared().await;
    let copy = server.create_database_from(&database.url).await;
    let toxiproxy = Toxiproxy::start().await;
    let proxy = toxiproxy.proxy(server.port()).await;
    // Several answers come before a connection is there, and one for a look-up.
    proxy.latency(120).await;
    let ports = [server.port(), proxy.port()].map(|port| format!(":{port}/"));
    let database = Database::at(database.url);
    let metadata = with_replica(&database, copy.replace(&ports[0], &ports[1])).await;
    metadata
        .delete_manifest(&change(), Guard::open(), &name("a/b"), &digest)
        .await
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_there(&metadata, digest.into()).await {
        assert!(Instant::now() < deadline, "it is never asked");
        sleep(Duration::from_millis(50)).await;
    }
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
