//! What the ports do not show but garbage collection and quota rely on: rows, read past the engine.

use oci_types::Digest;
use registry_core::change::Guard;
use registry_core::ports::{
    BlobIndex as _, BlobKind, Catalog as _, Lifetimes, Lookup, ManifestStore as _,
    MissingReferences, NewManifest, ReferrerIndex as _, ReferrerQuery, TagIndex as _,
};
use registry_core::testing::metadata::{
    by_tag, change, digest_of, manifest, name, push, push_blob, reference, referring, tagged,
};
use sqlx::{PgConnection, Row as _};

use super::Database;

/// The only column of every row.
async fn column<T>(connection: &mut PgConnection, sql: &'static str) -> Vec<T>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let rows = sqlx::query(sql).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn digests(connection: &mut PgConnection, sql: &'static str) -> Vec<Digest> {
    let digests: Vec<Vec<u8>> = column(connection, sql).await;
    let digests = digests.iter().map(|bytes| Digest::from_bytes(bytes));
    digests.map(Result::unwrap).collect()
}

const LEASED: &str = "SELECT digest FROM repository_blobs WHERE expires_at IS NOT NULL ORDER BY 1";

#[tokio::test]
async fn a_namespace_is_charged_once_for_a_blob() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    for repository in ["a/b", "a/c", "a/b", "other/b"] {
        push_blob(&metadata, repository, b"four").await;
    }
    push_blob(&metadata, "a/b", b"seventeen bytes..").await;
    metadata
        .mount_blob(
            &change(),
            Guard::open(),
            Some(&name("a/b")),
            &name("third/b"),
            &digest_of(b"four"),
        )
        .await
        .unwrap();
    let mut connection = database.connect().await;
    let usage = "SELECT name || ' ' || sum(bytes) FROM namespaces
        JOIN namespace_usage ON namespace_id = id GROUP BY name ORDER BY 1";
    assert_eq!(
        column::<String>(&mut connection, usage).await,
        ["a 21", "other 4", "third 4"]
    );
}

/// Pushes of different blobs seldom wait for one row.
#[tokio::test]
async fn charges_are_spread_over_sixteen_shards() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    for number in 0..100 {
        push_blob(&metadata, "a/b", format!("{number}").as_bytes()).await;
    }
    let mut connection = database.connect().await;
    let shards: Vec<i16> = column(&mut connection, "SELECT shard FROM namespace_usage").await;
    assert!(shards.len() > 10, "{shards:?}");
    assert!(shards.iter().all(|shard| (0..16).contains(shard)));
}

#[tokio::test]
async fn a_link_has_a_lease_until_a_manifest_holds_it() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    for content in [b"one".as_slice(), b"two", b"child", b"loose"] {
        push_blob(&metadata, "a/b", content).await;
    }
    let mut connection = database.connect().await;
    assert_eq!(digests(&mut connection, LEASED).await.len(), 4);
    let references = vec![
        reference(b"one", BlobKind::Config),
        reference(b"two", BlobKind::NonDistributable),
        reference(b"child", BlobKind::Child),
    ];
    let holder = push(&metadata, referring("a/b", "{}", references)).await;
    let loose = [digest_of(b"loose")];
    assert_eq!(digests(&mut connection, LEASED).await, loose);
    // Pushing it again does not give a held link a lease.
    push_blob(&metadata, "a/b", b"one").await;
    assert_eq!(digests(&mut connection, LEASED).await, loose);

    metadata
        .delete_manifest(&change(), Guard::open(), &name("a/b"), &holder)
        .await
        .unwrap();
    let mut held = [b"one".as_slice(), b"two", b"child"]
        .map(digest_of)
        .to_vec();
    held.sort_unstable_by_key(Digest::to_bytes);
    let queued = "SELECT digest FROM gc_links ORDER BY 1";
    assert_eq!(digests(&mut connection, queued).await, held);
}

#[tokio::test]
async fn a_blob_that_was_waited_for_gets_no_lease() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    let sparse = NewManifest {
        missing_references: MissingReferences::Accept,
        ..referring("a/b", "{}", vec![reference(b"late", BlobKind::Layer)])
    };
    push(&metadata, sparse).await;
    push_blob(&metadata, "a/b", b"late").await;
    let mut connection = database.connect().await;
    assert_eq!(digests(&mut connection, LEASED).await, []);
}

#[tokio::test]
async fn leases_are_extended_but_never_shortened() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    let expiry = "SELECT (extract(epoch FROM expires_at) * 1000)::bigint FROM repository_blobs";
    let mut connection = database.connect().await;
    push_blob(&metadata, "a/b", b"blob").await;
    let first = column::<i64>(&mut connection, expiry).await[0];
    let lifetimes = Lifetimes::default();
    database.clock.advance(lifetimes.blob_link_promise);
    metadata
        .find_blob(&name("a/b"), &digest_of(b"blob"))
        .await
        .unwrap();
    assert_eq!(
        column::<i64>(&mut connection, expiry).await,
        [first],
        "it lives long enough"
    );
    push_blob(&metadata, "a/b", b"blob").await;
    let second = column::<i64>(&mut connection, expiry).await[0];
    assert_eq!(
        u128::from(second.abs_diff(first)),
        lifetimes.blob_link_promise.as_millis()
    );
}

#[tokio::test]
async fn a_deleted_blob_is_queued() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    push_blob(&metadata, "a/b", b"blob").await;
    metadata
        .delete_blob(&change(), &name("a/b"), &digest_of(b"blob"))
        .await
        .unwrap();
    let mut connection = database.connect().await;
    let queued = digests(&mut connection, "SELECT digest FROM gc_blobs").await;
    assert_eq!(queued, [digest_of(b"blob")]);
}

#[tokio::test]
async fn each_write_of_a_tag_raises_its_version() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    for payload in ["one", "two", "two"] {
        push(&metadata, tagged("a/b", payload, &["v1"])).await;
    }
    let mut connection = database.connect().await;
    assert_eq!(
        column::<i64>(&mut connection, "SELECT version FROM tags").await,
        [3]
    );
}

/// Pushing a known manifest writes its tags and nothing else.
#[tokio::test]
async fn the_same_bytes_again_leave_their_row_alone() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    push(&metadata, tagged("a/b", "{}", &["one"])).await;
    let mut connection = database.connect().await;
    let row = "SELECT xmin::text || ctid FROM manifests";
    let before: Vec<String> = column(&mut connection, row).await;
    push(&metadata, tagged("a/b", "{}", &["two"])).await;
    assert_eq!(column::<String>(&mut connection, row).await, before);
}

/// Without a clock of a test, the database tells the time.
#[tokio::test]
async fn the_clock_of_the_database_decides() {
    let database = Database::migrated().await;
    let options = metadata_postgres::OpenOptions {
        clock: None,
        ..database.options()
    };
    let metadata = metadata_postgres::PostgresMetadata::open(options)
        .await
        .unwrap();
    push_blob(&metadata, "a/b", b"blob").await;
    push(&metadata, manifest("a/b", "{}")).await;
    let mut connection = database.connect().await;
    let near = "SELECT pushed_at BETWEEN now() - interval '1 minute' AND now() FROM manifests
        UNION ALL
        SELECT expires_at BETWEEN now() + interval '167 hours' AND now() + interval '168 hours' FROM repository_blobs";
    assert_eq!(column::<bool>(&mut connection, near).await, [true, true]);
}

/// Reads hide what is marked as deleted, in whichever table.
#[tokio::test]
async fn soft_deleted_rows_are_invisible() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    push_blob(&metadata, "a/b", b"blob").await;
    let subject = digest_of(b"subject");
    let referrer = NewManifest {
        subject: Some(subject),
        ..tagged("a/b", "{}", &["v1"])
    };
    let digest = push(&metadata, referrer).await;

    database
        .execute("UPDATE repository_blobs SET deleted_at = berth_now(1)")
        .await;
    let blob = digest_of(b"blob");
    let found = metadata.find_blob(&name("a/b"), &blob).await.unwrap();
    assert_eq!(found, Lookup::Absent);
    database
        .execute("UPDATE manifests SET deleted_at = berth_now(1)")
        .await;
    for reference in [digest.into(), by_tag("v1")] {
        let read = metadata.read_manifest(&name("a/b"), &reference).await;
        assert_eq!(read.unwrap(), Lookup::Absent);
    }
    let query = ReferrerQuery {
        subject,
        artifact_type: None,
        after: None,
        limit: 10,
    };
    let referrers = metadata.list_referrers(&name("a/b"), &query).await;
    assert_eq!(referrers.unwrap(), []);
    assert_eq!(metadata.list_repositories(None, 10).await.unwrap(), []);

    // What comes again is there again.
    push_blob(&metadata, "a/b", b"blob").await;
    let found = metadata.find_blob(&name("a/b"), &blob).await.unwrap();
    assert!(matches!(found, Lookup::Found(_)));
    push(&metadata, manifest("a/b", "{}")).await;
    let read = metadata.read_manifest(&name("a/b"), &by_tag("v1")).await;
    assert!(matches!(read.unwrap(), Lookup::Found(_)));

    database
        .execute("UPDATE repositories SET deleted_at = berth_now(1)")
        .await;
    let tags = metadata.list_tags(&name("a/b"), None, 10).await.unwrap();
    assert_eq!(tags, None);
    // The name can be used again, by another repository.
    push(&metadata, manifest("a/b", "{}")).await;
    let tags = metadata.list_tags(&name("a/b"), None, 10).await.unwrap();
    assert_eq!(tags, Some(Vec::new()));
}

/// What is pushed again is not written again, nor locked, which is a write to the database.
#[tokio::test]
async fn a_known_manifest_leaves_its_references_alone() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    let layers = [&b"one"[..], b"two", b"absent"];
    for layer in &layers[..2] {
        push_blob(&metadata, "a/b", layer).await;
    }
    let image = || NewManifest {
        missing_references: MissingReferences::Accept,
        ..referring(
            "a/b",
            "image",
            layers.map(|layer| reference(layer, BlobKind::Layer)).into(),
        )
    };
    push(&metadata, image()).await;
    let mut connection = database.connect().await;
    let rows = "SELECT ctid::text || ' ' || xmax::text FROM manifest_blobs ORDER BY digest";
    let before: Vec<String> = column(&mut connection, rows).await;
    assert_eq!(before.len(), 3);
    push(&metadata, image()).await;
    assert_eq!(column::<String>(&mut connection, rows).await, before);
}
