//! Starting: what it says, and what it refuses.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use berth_tests::{
    Document, TestRegistry, for_each_backend, on_embedded, registry::Builder,
    snapshot::database_file, tool::Tool,
};

#[tokio::test]
async fn it_says_where_it_is_and_what_to_paste() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let log = registry.log();
        let address = registry.address().to_string();
        let data = match registry.stores() {
            Some(stores) => stores.storage_url.clone(),
            None => registry.data_directory().display().to_string(),
        };
        for word in [&address, &data, "docker push"] {
            assert!(
                log.contains(word),
                "its greeting does not say {word}:\n{log}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_pushed_is_there_after_a_restart() {
    for_each_backend(async |builder| {
        let mut registry = builder.start().await;
        let image = Document::image(2);
        registry.repository("team/app").push("1", &image).await;
        let before = registry.snapshot().await;
        registry.restart().await;
        assert_eq!(registry.snapshot().await, before);
        registry
            .repository("team/app")
            .expect_manifest("1", &image)
            .await;
        registry
            .repository("team/app")
            .expect_blob(&image.blobs[0])
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    let refused = TestRegistry::builder().listen(&address).run_to_exit().await;
    refused.expect_refusal(&[&address, "in use"]);
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    on_embedded(async |builder| {
        let registry = builder.clone().start().await;
        let data = registry.data_directory().to_owned();
        let second = builder.data_directory(&data).run_to_exit().await;
        second.expect_refusal(&[&data.display().to_string()]);
        registry
            .client()
            .get("/v2/")
            .send()
            .await
            .expect_status(200);
    })
    .await;
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().display().to_string();
    // Root may write anywhere but in a file system that is mounted to be read.
    let mount = format!("mount -t tmpfs tmpfs {path} && mount -o remount,ro {path} && exec \"$@\"");
    let registry =
        TestRegistry::builder().wrapped_in(&["unshare", "--mount", "sh", "-c", &mount, "sh"]);
    let refused = registry
        .data_directory(directory.path())
        .run_to_exit()
        .await;
    refused.expect_refusal(&[&path, "read-only"]);
}

#[tokio::test]
async fn a_file_in_place_of_the_data_directory_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let refused = TestRegistry::builder()
        .data_directory(file.path())
        .run_to_exit()
        .await;
    refused.expect_refusal(&[&file.path().display().to_string()]);
}

/// A stopped registry whose database is one file, without the log that SQLite keeps beside it.
async fn stopped(directory: &Path) -> (Builder, PathBuf) {
    let builder = TestRegistry::builder().data_directory(directory);
    let mut registry = builder.clone().start().await;
    registry
        .repository("team/app")
        .push("1", &Document::image(1))
        .await;
    registry.terminate();
    registry.wait_for_exit(Duration::from_secs(20)).await;
    let database = database_file(directory).expect("a database");
    sqlite(&database, "pragma wal_checkpoint(truncate)").await;
    (builder, database)
}

async fn sqlite(database: &Path, statement: &str) {
    Tool::new("sqlite3")
        .run([database.as_os_str(), statement.as_ref()])
        .await;
}

#[tokio::test]
async fn a_corrupt_database_is_named_and_left_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let (builder, database) = stopped(directory.path()).await;
    let good = fs::read(&database).expect("the database is read");

    let mut no_header = good.clone();
    no_header[..100].fill(b'x');
    let mut no_schema = good.clone();
    no_schema[100..2000].fill(0xa5);
    let cut = good[..good.len() / 2].to_vec();
    for (name, bytes) in [
        ("no header", no_header),
        ("no schema", no_schema),
        ("cut", cut),
    ] {
        fs::write(&database, &bytes).expect("the database is written");
        let refused = builder.clone().run_to_exit().await;
        refused.expect_refusal(&[&database.display().to_string()]);
        assert!(
            fs::read(&database).expect("the database is read") == bytes,
            "{name}: the file was changed"
        );
    }
    fs::write(&database, &good).expect("the database is written");
    let registry = builder.start().await;
    registry
        .repository("team/app")
        .get_manifest("1")
        .send()
        .await
        .expect_status(200);
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let (builder, database) = stopped(directory.path()).await;
    let newer = "insert into _sqlx_migrations(version, description, success, checksum, execution_time) \
                 values (99990101000000, 'of a newer release', 1, x'00', 0)";
    sqlite(&database, newer).await;
    let before = fs::read(&database).expect("the database is read");

    let refused = builder.run_to_exit().await;
    refused.expect_refusal(&[&database.display().to_string(), "newer"]);
    assert!(
        fs::read(&database).expect("the database is read") == before,
        "the file was changed"
    );
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let (builder, database) = stopped(directory.path()).await;
    fs::remove_file(&database).expect("the database is removed");
    sqlite(&database, "create table theirs(x)").await;
    let before = fs::read(&database).expect("the database is read");
    builder
        .run_to_exit()
        .await
        .expect_refusal(&[&database.display().to_string()]);
    assert!(
        fs::read(&database).expect("the database is read") == before,
        "the file was changed"
    );
}
