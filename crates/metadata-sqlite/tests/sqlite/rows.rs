//! What the ports do not show but garbage collection and quota rely on: rows, read past the engine.

use registry_core::change::Guard;
use registry_core::ports::{
    BlobIndex as _, BlobKind, Lifetimes, ManifestStore as _, MissingReferences, NewManifest,
};
use registry_core::testing::metadata::{
    change, digest_of, manifest, name, push, push_blob, reference, referring, tagged,
};
use sqlx::{Row as _, SqliteConnection};

use super::Database;

/// The only column of every row.
async fn column<T>(connection: &mut SqliteConnection, sql: &'static str) -> Vec<T>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    let rows = sqlx::query(sql).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// As SQL for a digest column below tells it.
fn text(content: &[u8]) -> String {
    digest_of(content).to_string()
}

const LEASED: &str = "SELECT 'sha256:' || lower(hex(substr(digest, 2))) FROM repository_blobs WHERE expires_at IS NOT NULL ORDER BY 1";

#[tokio::test]
async fn a_namespace_is_charged_once_for_a_blob() {
    let database = Database::new();
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
    let usage = "SELECT name || ' ' || bytes FROM namespaces JOIN namespace_usage ON namespace_id = id ORDER BY 1";
    assert_eq!(
        column::<String>(&mut connection, usage).await,
        ["a 21", "other 4", "third 4"]
    );
}

#[tokio::test]
async fn a_link_has_a_lease_until_a_manifest_holds_it() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    for content in [b"one".as_slice(), b"two", b"child", b"loose"] {
        push_blob(&metadata, "a/b", content).await;
    }
    let mut connection = database.connect().await;
    assert_eq!(column::<String>(&mut connection, LEASED).await.len(), 4);
    let references = vec![
        reference(b"one", BlobKind::Config),
        reference(b"two", BlobKind::NonDistributable),
        reference(b"child", BlobKind::Child),
    ];
    let holder = push(&metadata, referring("a/b", "{}", references)).await;
    assert_eq!(
        column::<String>(&mut connection, LEASED).await,
        [text(b"loose")]
    );
    // Pushing it again does not give a held link a lease.
    push_blob(&metadata, "a/b", b"one").await;
    assert_eq!(
        column::<String>(&mut connection, LEASED).await,
        [text(b"loose")]
    );

    metadata
        .delete_manifest(&change(), Guard::open(), &name("a/b"), &holder)
        .await
        .unwrap();
    let mut held = [text(b"one"), text(b"two"), text(b"child")];
    held.sort_unstable();
    let queued = "SELECT 'sha256:' || lower(hex(substr(digest, 2))) FROM gc_links ORDER BY 1";
    assert_eq!(column::<String>(&mut connection, queued).await, held);
}

#[tokio::test]
async fn a_blob_that_was_waited_for_gets_no_lease() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    let sparse = NewManifest {
        missing_references: MissingReferences::Accept,
        ..referring("a/b", "{}", vec![reference(b"late", BlobKind::Layer)])
    };
    push(&metadata, sparse).await;
    push_blob(&metadata, "a/b", b"late").await;
    let mut connection = database.connect().await;
    assert_eq!(
        column::<String>(&mut connection, LEASED).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn leases_are_extended_but_never_shortened() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    let expiry = "SELECT expires_at FROM repository_blobs";
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
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    push_blob(&metadata, "a/b", b"blob").await;
    metadata
        .delete_blob(&change(), &name("a/b"), &digest_of(b"blob"))
        .await
        .unwrap();
    let mut connection = database.connect().await;
    let queued = "SELECT 'sha256:' || lower(hex(substr(digest, 2))) FROM gc_blobs";
    assert_eq!(
        column::<String>(&mut connection, queued).await,
        [text(b"blob")]
    );
}

#[tokio::test]
async fn each_write_of_a_tag_raises_its_version() {
    let database = Database::new();
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

/// Reads hide what is marked as deleted, in whichever table.
#[tokio::test]
async fn soft_deleted_rows_are_invisible() {
    use registry_core::ports::{
        Catalog as _, Lookup, ReferrerIndex as _, ReferrerQuery, TagIndex as _,
    };

    let database = Database::new();
    let metadata = database.open_with(0).await.unwrap();
    push_blob(&metadata, "a/b", b"blob").await;
    let subject = digest_of(b"subject");
    let digest = push(
        &metadata,
        NewManifest {
            subject: Some(subject),
            ..tagged("a/b", "{}", &["v1"])
        },
    )
    .await;
    let mut connection = database.connect().await;
    let mut mark =
        async |sql: &'static str| sqlx::query(sql).execute(&mut connection).await.unwrap();

    mark("UPDATE repository_blobs SET deleted_at = 1").await;
    let found = metadata
        .find_blob(&name("a/b"), &digest_of(b"blob"))
        .await
        .unwrap();
    assert_eq!(found, Lookup::Absent);
    mark("UPDATE manifests SET deleted_at = 1").await;
    for reference in [
        digest.into(),
        registry_core::testing::metadata::by_tag("v1"),
    ] {
        assert_eq!(
            metadata
                .read_manifest(&name("a/b"), &reference)
                .await
                .unwrap(),
            Lookup::Absent
        );
    }
    let query = ReferrerQuery {
        subject,
        artifact_type: None,
        after: None,
        limit: 10,
    };
    assert_eq!(
        metadata.list_referrers(&name("a/b"), &query).await.unwrap(),
        []
    );
    assert_eq!(metadata.list_repositories(None, 10).await.unwrap(), []);
    mark("UPDATE repositories SET deleted_at = 1").await;
    assert_eq!(
        metadata.list_tags(&name("a/b"), None, 10).await.unwrap(),
        None
    );

    // The name can be used again, by another repository.
    push(&metadata, manifest("a/b", "{}")).await;
    assert_eq!(
        metadata.list_tags(&name("a/b"), None, 10).await.unwrap(),
        Some(Vec::new())
    );
}
