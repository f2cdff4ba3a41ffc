//! What is opened, what is refused, and with which words.

use std::fs;

use metadata_sqlite::OpenError;
use registry_core::change::Guard;
use registry_core::ports::{
    Acquisition, ManifestStore as _, MetadataError, TagIndex as _, UploadPurpose, UploadStart,
    UploadStore as _,
};
use registry_core::testing::metadata::{change, name, new_upload, push, resolve, tagged};
use sqlx::{Executor as _, Row as _};

use super::Database;

/// The sentence an operator reads.
async fn refusal(database: &Database) -> OpenError {
    match database.open().await {
        Ok(_) => panic!("opened"),
        Err(error) => {
            let sentence = error.to_string();
            assert!(
                sentence.contains(&database.path().display().to_string()),
                "{sentence}"
            );
            error
        }
    }
}

#[tokio::test]
async fn what_was_written_is_there_again() {
    let mut database = Database::new();
    let metadata = database.open().await.unwrap();
    let digest = push(&metadata, tagged("a/b", "{}", &["v1"])).await;
    let metadata = database.reopen(metadata).await;
    assert_eq!(resolve(&metadata, "a/b", "v1").await, Some(digest));
}

#[tokio::test]
async fn a_closed_database_is_one_file_and_answers_no_more() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    push(&metadata, tagged("a/b", "{}", &["v1"])).await;
    metadata.close().await;
    let log = database.directory.path().join("metadata.db-wal");
    assert!(!log.exists(), "the log was not moved into the database");
    let late = metadata
        .commit_manifest(&change(), Guard::open(), tagged("a/b", "late", &["v1"]))
        .await;
    assert!(
        matches!(late, Err(MetadataError::Unavailable(_))),
        "{late:?}"
    );
    let late = metadata.list_tags(&name("a/b"), None, 1).await;
    assert!(
        matches!(late, Err(MetadataError::Unavailable(_))),
        "{late:?}"
    );
}

#[tokio::test]
async fn two_cannot_have_it_at_once() {
    let database = Database::new();
    let metadata = database.open().await.unwrap();
    let error = refusal(&database).await;
    assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    push(&metadata, tagged("a/b", "{}", &["v1"])).await;
}

#[tokio::test]
async fn leases_of_an_earlier_process_are_void() {
    let mut database = Database::new();
    let metadata = database.open().await.unwrap();
    let upload = new_upload("a/b", UploadStart::Leased);
    let id = upload.id;
    metadata.create_upload(&change(), upload).await.unwrap();
    let write = UploadPurpose::Write { expected: None };
    let busy = metadata
        .acquire_upload(&change(), &name("a/b"), id, write)
        .await
        .unwrap();
    assert!(matches!(busy, Acquisition::Busy));
    let metadata = database.reopen(metadata).await;
    let free = metadata
        .acquire_upload(&change(), &name("a/b"), id, write)
        .await
        .unwrap();
    assert!(matches!(free, Acquisition::Leased(upload) if upload.lease.fence == 2));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let database = Database::new();
    let text = "What is this? ".repeat(1_000);
    fs::write(database.path(), &text).unwrap();
    let error = refusal(&database).await;
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
    assert!(fs::read_to_string(database.path()).unwrap() == text);
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    for set_up in [
        "CREATE TABLE notes (note TEXT)",
        "PRAGMA application_id = 77; CREATE TABLE notes (note TEXT)",
    ] {
        let database = Database::new();
        fs::write(database.path(), "").unwrap();
        database.connect().await.execute(set_up).await.unwrap();
        let before = fs::read(database.path()).unwrap();
        let error = refusal(&database).await;
        assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
        assert!(fs::read(database.path()).unwrap() == before);
    }
}

#[tokio::test]
async fn a_newer_database_is_refused_naming_both_versions() {
    let database = Database::new();
    database.open().await.unwrap().close().await;
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'from the future', TRUE, x'00', 0)";
    database.connect().await.execute(newer).await.unwrap();
    let error = database.open().await.unwrap_err();
    let sentence = error.to_string();
    assert!(
        matches!(error, OpenError::Newer { found: 9999, .. }),
        "{error:?}"
    );
    assert!(
        sentence.contains("9999") && sentence.contains("up to 3"),
        "{sentence}"
    );
}

#[tokio::test]
async fn an_applied_step_that_was_changed_is_refused() {
    let database = Database::new();
    database.open().await.unwrap().close().await;
    database
        .connect()
        .await
        .execute("UPDATE _sqlx_migrations SET checksum = x'00'")
        .await
        .unwrap();
    let error = refusal(&database).await;
    assert!(matches!(error, OpenError::Migration { .. }), "{error:?}");
}

/// A first start may be cut off at any point.
#[tokio::test]
async fn what_a_cut_off_first_start_left_is_completed() {
    for left in [
        "",
        "CREATE TABLE _sqlx_migrations (
            version BIGINT PRIMARY KEY, description TEXT NOT NULL,
            installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            success BOOLEAN NOT NULL, checksum BLOB NOT NULL, execution_time BIGINT NOT NULL
         )",
    ] {
        let database = Database::new();
        fs::write(database.path(), "").unwrap();
        database.connect().await.execute(left).await.unwrap();
        push(
            &database.open().await.unwrap(),
            tagged("a/b", "{}", &["v1"]),
        )
        .await;
    }
}

#[tokio::test]
async fn a_damaged_database_is_refused() {
    let database = Database::new();
    database.open().await.unwrap().close().await;
    let mut bytes = fs::read(database.path()).unwrap();
    // The pages of the schema: the file header stays.
    bytes[100..8_192].fill(0xff);
    fs::write(database.path(), bytes).unwrap();
    let error = refusal(&database).await;
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
}

#[tokio::test]
async fn a_place_where_no_file_can_be_is_told() {
    let database = Database::new();
    fs::create_dir(database.path()).unwrap();
    let error = refusal(&database).await;
    assert!(matches!(error, OpenError::CannotOpen { .. }), "{error:?}");
    fs::remove_dir_all(database.directory.path()).unwrap();
    let error = refusal(&database).await;
    assert!(matches!(error, OpenError::CannotOpen { .. }), "{error:?}");
}

#[tokio::test]
async fn the_database_says_whose_it_is() {
    let database = Database::new();
    database.open().await.unwrap();
    let mut connection = database.connect().await;
    let row = connection.fetch_one("PRAGMA application_id").await.unwrap();
    assert_eq!(row.get::<i64, _>(0).to_be_bytes()[4..], *b"BRTH");
    let row = connection.fetch_one("PRAGMA journal_mode").await.unwrap();
    assert_eq!(row.get::<String, _>(0), "wal");
}
