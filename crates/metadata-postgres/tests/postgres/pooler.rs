//! Behind a connection pooler.

use berth_test_servers::{PgBouncer, PoolMode, Postgres};
use futures_util::future::join_all;
use metadata_postgres::{OpenError, PostgresMetadata};
use registry_core::testing::metadata::{push, push_blob, resolve, tagged};

use super::Database;

fn name(database: &Database) -> &str {
    database.url.rsplit('/').next().unwrap()
}

/// It only saves the server connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_of_sessions_does_not_show() {
    let pooler = PgBouncer::start(Postgres::shared().await, PoolMode::Session).await;
    let direct = Database::new().await;
    let database = Database::at(pooler.url(name(&direct)));
    let metadata = database.open().await.unwrap();
    join_all((0..20).map(|number| {
        let metadata = &metadata;
        async move {
            push_blob(metadata, "a/b", format!("blob {number}").as_bytes()).await;
            let tag = format!("t{number}");
            let digest = push(metadata, tagged("a/b", &tag, &[tag.as_str()])).await;
            assert_eq!(resolve(metadata, "a/b", &tag).await, Some(digest));
        }
    }))
    .await;
}

/// One that hands connections on without what was prepared on them would run somebody else's statement.
#[tokio::test]
async fn a_pooler_that_mixes_up_statements_is_refused() {
    let pooler = PgBouncer::start(Postgres::shared().await, PoolMode::Transaction).await;
    let direct = Database::migrated().await;
    let database = Database::at(pooler.url(name(&direct)));
    for _ in 0..5 {
        let error = database.open().await.unwrap_err();
        assert!(matches!(error, OpenError::Pooler { .. }), "{error:?}");
        let sentence = error.to_string();
        assert!(
            sentence.contains("pool_mode") && sentence.contains("1.21"),
            "{sentence}"
        );
    }
    // The way past it is sound.
    direct.open().await.unwrap();
}

/// Not even to an empty database: it would be locked on one connection and unlocked on another.
#[tokio::test]
async fn nothing_is_migrated_through_it() {
    let pooler = PgBouncer::start(Postgres::shared().await, PoolMode::Transaction).await;
    let direct = Database::new().await;
    let url = pooler.url(name(&direct));
    let error = PostgresMetadata::migrate(&url, None).await.unwrap_err();
    assert!(matches!(error, OpenError::Pooler { .. }), "{error:?}");
    let state = PostgresMetadata::schema_state(&direct.url).await.unwrap();
    assert_eq!(state.found, None);
}
