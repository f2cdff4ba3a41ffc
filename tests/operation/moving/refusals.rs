//! What a move refuses, and what it leaves alone then.

use std::fs;

use berth_tests::{Blob, Place, SharedStores, TestRegistry, registry::Builder};

use super::{LIMIT, MOVED, at, stop};

/// A registry that is not running, with one image of two layers in it.
struct Source {
    builder: Builder,
    directory: tempfile::TempDir,
    image: berth_tests::Document,
}

impl Source {
    async fn filled() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let builder = TestRegistry::builder().data_directory(directory.path());
        let registry = builder.clone().start().await;
        let image = registry.repository("team/app").push_image("1", 2).await;
        stop(registry).await;
        Self {
            builder,
            directory,
            image,
        }
    }

    /// It still is what it was.
    async fn expect_sound(&self) {
        let registry = self.builder.clone().start().await;
        let app = registry.repository("team/app");
        app.expect_manifest("1", &self.image).await;
        app.push_blob(&Blob::random(100)).await;
    }
}

#[tokio::test]
async fn a_target_that_holds_something_is_refused() {
    let (source, other) = (Source::filled().await, Source::filled().await);
    let there = Place::inside(other.directory.path());
    let refused = source.builder.clone().moving_to(&there).run_to_exit().await;
    refused.expect_refusal(&["holds something", &there.metadata_url]);
    source.expect_sound().await;
    other.expect_sound().await;

    let stores = SharedStores::fresh().await;
    let shared = Builder::new(berth_tests::Backend::Shared).stores(&stores);
    let registry = shared.start().await;
    registry
        .repository("team/app")
        .push_blob(&Blob::random(10))
        .await;
    let refused = source.builder.clone().moving_to(&Place::from(&stores));
    refused
        .run_to_exit()
        .await
        .expect_refusal(&["holds something"]);
}

#[tokio::test]
async fn a_target_that_was_moved_away_is_refused() {
    let (first, second) = (Source::filled().await, Source::filled().await);
    let elsewhere = tempfile::tempdir().expect("a directory");
    let moving = first
        .builder
        .clone()
        .moving_to(&Place::inside(elsewhere.path()))
        .start()
        .await;
    moving.wait_for_log(MOVED).await;
    stop(moving).await;
    let refused = second
        .builder
        .clone()
        .moving_to(&Place::inside(first.directory.path()));
    refused.run_to_exit().await.expect_refusal(&["moved to"]);
    // Nor does it move to a third place.
    let third = tempfile::tempdir().expect("a directory");
    let refused = first
        .builder
        .moving_to(&Place::inside(third.path()))
        .run_to_exit()
        .await;
    refused.expect_refusal(&["was moved to"]);
    second.expect_sound().await;
}

/// Damage is named, all the rest is copied, and nothing is switched; then what is left may be left behind.
#[tokio::test]
async fn damage_at_the_source_is_named() {
    let source = Source::filled().await;
    let registry = source.builder.clone().start().await;
    let app = registry.repository("team/app");
    let (lost, changed, short) = (
        Blob::random(50_001),
        Blob::random(50_002),
        Blob::random(400_003),
    );
    for blob in [&lost, &changed, &short] {
        app.push_blob(blob).await;
    }
    let stored = registry.stored().await;
    stop(registry).await;
    for (path, length) in stored {
        let path = source.directory.path().join(path);
        match length {
            50_001 => fs::remove_file(path).expect("a blob is removed"),
            50_002 => {
                let mut bytes = changed.bytes.to_vec();
                bytes[25_000] ^= 1;
                let mode = fs::metadata(&path).expect("a blob").permissions();
                fs::remove_file(&path).expect("a blob is removed");
                fs::write(&path, bytes).expect("a blob is changed");
                fs::set_permissions(&path, mode).expect("a mode");
            }
            400_003 => {
                let mode = fs::metadata(&path).expect("a blob").permissions();
                fs::remove_file(&path).expect("a blob is removed");
                fs::write(&path, &short.bytes[..300_000]).expect("a blob is cut");
                fs::set_permissions(&path, mode).expect("a mode");
            }
            _ => {}
        }
    }
    let elsewhere = tempfile::tempdir().expect("a directory");
    let there = Place::inside(elsewhere.path());
    let moving = source.builder.clone().moving_to(&there);
    let refused = moving.clone().flag("--exit").run_to_exit().await;
    refused.expect_refusal(&[
        "damaged",
        "--skip-damaged",
        &lost.digest,
        &changed.digest,
        &short.digest,
    ]);
    // The target is not complete, and says so.
    at(&there)
        .run_to_exit()
        .await
        .expect_refusal(&["not finished"]);
    source.expect_sound().await;

    // Who is served is served on, and hears why.
    let mut registry = moving.clone().start().await;
    registry.wait_for_log("given up").await;
    let app = registry.repository("team/app");
    app.push_blob(&Blob::random(100)).await;
    registry.terminate();
    let exit = registry.wait_for_exit(LIMIT).await;
    assert_eq!(exit.status.code(), Some(1), "{}", exit.output);

    let mut moving = moving.flag("--skip-damaged").flag("--exit").start().await;
    let exit = moving.wait_for_exit(LIMIT).await;
    assert!(exit.status.success(), "{}\n{}", exit.status, exit.output);
    let registry = at(&there).start().await;
    let app = registry.repository("team/app");
    app.expect_manifest("1", &source.image).await;
    for blob in &source.image.blobs {
        app.expect_blob(blob).await;
    }
    for blob in [&lost, &changed, &short] {
        app.expect_no_blob(&blob.digest).await;
        let left = format!(
            "left behind, because it is damaged: team/app@{}",
            blob.digest
        );
        assert!(exit.output.contains(&left), "{}", exit.output);
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_read_is_a_mistake_of_the_command_line() {
    let source = Source::filled().await;
    let nowhere = Place {
        metadata_url: "mysql://there".to_owned(),
        ..Place::inside(source.directory.path())
    };
    let refused = source.builder.moving_to(&nowhere).run_to_exit().await;
    refused.expect_refusal(&["--to-metadata-url"]);
    assert_eq!(refused.status.code(), Some(2), "{}", refused.output);
}

/// What is copied already lies in the storage that was named first.
#[tokio::test]
async fn another_storage_for_what_is_left_is_refused() {
    let source = Source::filled().await;
    let registry = source.builder.clone().start().await;
    for _ in 0..20 {
        let blob = Blob::random(8 << 20);
        registry.repository("team/app").push_blob(&blob).await;
    }
    stop(registry).await;
    let elsewhere = tempfile::tempdir().expect("a directory");
    let there = Place::inside(elsewhere.path());
    let mut registry = source.builder.clone().moving_to(&there).start().await;
    registry.terminate();
    let exit = registry.wait_for_exit(LIMIT).await;
    assert!(!exit.output.contains(MOVED), "it was too quick");
    let third = tempfile::tempdir().expect("a directory");
    let other = Place {
        storage_url: format!("file:{}", third.path().display()),
        ..there.clone()
    };
    let refused = source.builder.clone().moving_to(&other).run_to_exit().await;
    refused.expect_refusal(&["copied so far", "name the same storage"]);
    let registry = source.builder.clone().moving_to(&there).start().await;
    registry.wait_for_log(MOVED).await;
}

#[tokio::test]
async fn a_storage_inside_the_other_is_refused() {
    let source = Source::filled().await;
    let elsewhere = tempfile::tempdir().expect("a directory");
    let inside = source.directory.path().join("storage/there");
    let there = Place {
        storage_url: format!("file:{}", inside.display()),
        ..Place::inside(elsewhere.path())
    };
    let refused = source.builder.clone().moving_to(&there).run_to_exit().await;
    refused.expect_refusal(&["inside the other", "--to-storage-url"]);
    source.expect_sound().await;
}

/// Somebody emptied the place that everything went to: that it is empty does not mean that it is complete.
#[tokio::test]
async fn a_target_that_was_emptied_since_is_refused() {
    let source = Source::filled().await;
    let elsewhere = tempfile::tempdir().expect("a directory");
    let there = Place::inside(elsewhere.path());
    let moving = source.builder.clone().moving_to(&there);
    let registry = moving.clone().start().await;
    registry.wait_for_log(MOVED).await;
    stop(registry).await;
    for file in fs::read_dir(elsewhere.path()).expect("a directory") {
        let path = file.expect("a file").path();
        if path.is_file() {
            fs::remove_file(path).expect("a file is removed");
        }
    }
    let refused = moving.run_to_exit().await;
    refused.expect_refusal(&["was moved to", "another one"]);
}

/// Its pods have seen no mark, and would take pushes that the mover takes away again.
#[tokio::test]
async fn a_target_that_is_served_already_is_refused() {
    let source = Source::filled().await;
    let stores = SharedStores::fresh().await;
    let shared = Builder::new(berth_tests::Backend::Shared).stores(&stores);
    let pod = shared.start().await;
    let moving = source.builder.clone().moving_to(&Place::from(&stores));
    let refused = moving.clone().run_to_exit().await;
    refused.expect_refusal(&["served already", "Stop the pods"]);
    stop(pod).await;
    let registry = moving.start().await;
    registry.wait_for_log(MOVED).await;
    let app = registry.repository("team/app");
    app.expect_manifest("1", &source.image).await;
}
