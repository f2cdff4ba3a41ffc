//! Moving a registry to other stores while it is served: all of it arrives, whatever happens on the way, and there is one
//! registry at a time.

mod content;
mod refusals;
mod storm;

use std::time::Duration;

use berth_tests::{Backend, Blob, Place, SharedStores, TestRegistry, registry::Builder};
use tokio::time::sleep;

use self::content::{Content, lists};

const LIMIT: Duration = Duration::from_secs(90);

/// What the mover says in the end.
const MOVED: &str = "Set from now on";

/// Ends a registry as an operator does, and returns what describes it.
async fn stop(mut registry: TestRegistry) {
    registry.terminate();
    let exit = registry.wait_for_exit(LIMIT).await;
    assert!(exit.status.success(), "{}\n{}", exit.status, exit.output);
}

/// A registry in a place.
fn at(place: &Place) -> Builder {
    let builder = TestRegistry::builder()
        .option("--metadata-url", &place.metadata_url)
        .option("--storage-url", &place.storage_url);
    match &place.credentials {
        Some(credentials) => builder.credentials(credentials),
        None => builder,
    }
}

#[tokio::test]
async fn up_and_back_everything_arrives() {
    let directory = tempfile::tempdir().expect("a directory");
    let embedded = TestRegistry::builder().data_directory(directory.path());
    let registry = embedded.clone().start().await;
    let content = Content::push(&registry).await;
    let before = lists(&registry, &content).await;
    stop(registry).await;

    let stores = SharedStores::fresh().await;
    let moving = embedded.clone().moving_to(&Place::from(&stores));
    let moving = moving.start().await;
    moving.wait_for_log(MOVED).await;
    // It is served from there by the same process.
    content.expect(&moving).await;
    assert_eq!(lists(&moving, &content).await, before);
    let late = Blob::random(2_000);
    moving.repository("late/app").push_blob(&late).await;
    stop(moving).await;
    // The old one says where it went.
    let refused = embedded.run_to_exit().await;
    refused.expect_refusal(&["moved to", stores.database()]);

    let shared = Builder::new(Backend::Shared).stores(&stores);
    let registry = shared.clone().start().await;
    content.expect(&registry).await;
    registry.repository("late/app").expect_blob(&late).await;
    assert_eq!(lists(&registry, &content).await, before);
    stop(registry).await;

    let elsewhere = tempfile::tempdir().expect("a directory");
    let back = Place::inside(elsewhere.path());
    let mut moving = shared.clone().moving_to(&back).flag("--exit").start().await;
    let exit = moving.wait_for_exit(LIMIT).await;
    assert!(exit.status.success(), "{}\n{}", exit.status, exit.output);
    let registry = at(&back).start().await;
    content.expect(&registry).await;
    registry.repository("late/app").expect_blob(&late).await;
    assert_eq!(lists(&registry, &content).await, before);
    shared
        .run_to_exit()
        .await
        .expect_refusal(&["moved to", &back.metadata_url]);
}

/// The command may be run again when all is over: it serves what it would have served.
#[tokio::test]
async fn moving_again_serves_the_target() {
    let (directory, elsewhere) = (tempfile::tempdir(), tempfile::tempdir());
    let (directory, elsewhere) = (directory.expect("one"), elsewhere.expect("another"));
    let embedded = TestRegistry::builder().data_directory(directory.path());
    let registry = embedded.clone().start().await;
    let image = registry.repository("team/app").push_image("1", 1).await;
    stop(registry).await;
    let there = Place::inside(elsewhere.path());
    let mut moving = embedded.moving_to(&there).start().await;
    moving.wait_for_log(MOVED).await;
    moving.restart().await;
    let app = moving.repository("team/app");
    app.expect_manifest("1", &image).await;
    let blob = Blob::random(1_000);
    app.push_blob(&blob).await;
    stop(moving).await;
    at(&there)
        .start()
        .await
        .repository("team/app")
        .expect_blob(&blob)
        .await;
}

/// Cut off between the two marks of the switch, neither is served until the same command is run again, and no write that
/// waited goes to the old place.
#[tokio::test]
async fn a_move_that_was_cut_off_in_the_switch_is_finished() {
    let directory = tempfile::tempdir().expect("a directory");
    let embedded = TestRegistry::builder().data_directory(directory.path());
    let registry = embedded.clone().start().await;
    let image = registry.repository("team/app").push_image("1", 1).await;
    stop(registry).await;
    let stores = SharedStores::fresh().await;
    let shared = Builder::new(Backend::Shared).stores(&stores);
    stop(shared.clone().start().await).await;
    let server = berth_test_servers::Postgres::shared().await;
    let statement = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN RAISE EXCEPTION ''not yet''; END';
        CREATE TRIGGER late BEFORE UPDATE ON installation FOR EACH ROW
            WHEN (OLD.moving_from IS NOT NULL AND NEW.moving_from IS NULL) EXECUTE FUNCTION refuse()";
    server.execute(stores.database(), statement).await;
    let moving = embedded.clone().moving_to(&Place::from(&stores));
    let mut registry = moving.clone().start().await;
    registry.wait_for_log("trying again").await;
    let late = Blob::random(1_000);
    let app = registry.repository("team/app");
    let target = format!("blobs/uploads/?digest={}", late.digest);
    let post = app.request(http::Method::POST, &target);
    let waiting = post.body(late.bytes.clone()).try_send();
    let ending = async {
        sleep(Duration::from_millis(500)).await;
        registry.terminate();
        registry.wait_for_exit(LIMIT).await
    };
    let (answer, exit) = tokio::join!(waiting, ending);
    assert!(exit.status.success(), "{}\n{}", exit.status, exit.output);
    answer.expect("an answer").expect_error(503, "UNAVAILABLE");

    embedded.run_to_exit().await.expect_refusal(&["moved to"]);
    let unfinished = shared.clone().run_to_exit().await;
    unfinished.expect_refusal(&["not finished"]);
    let statement = "DROP TRIGGER late ON installation";
    server.execute(stores.database(), statement).await;
    let registry = moving.start().await;
    registry.wait_for_log(MOVED).await;
    let app = registry.repository("team/app");
    app.expect_manifest("1", &image).await;
    stop(registry).await;
    let registry = shared.start().await;
    let app = registry.repository("team/app");
    app.expect_manifest("1", &image).await;
    app.expect_no_blob(&late.digest).await;
}

/// Told to stop, it ends well; the source is what it was, and the same command goes on.
#[tokio::test]
async fn a_move_can_be_stopped_and_taken_up_again() {
    let (directory, elsewhere) = (tempfile::tempdir(), tempfile::tempdir());
    let (directory, elsewhere) = (directory.expect("one"), elsewhere.expect("another"));
    let embedded = TestRegistry::builder().data_directory(directory.path());
    let registry = embedded.clone().start().await;
    let mut blobs = Vec::new();
    for _ in 0..30 {
        let blob = Blob::random(8 << 20);
        registry.repository("team/app").push_blob(&blob).await;
        blobs.push(blob);
    }
    stop(registry).await;
    let there = Place::inside(elsewhere.path());
    let moving = embedded.clone().moving_to(&there);
    let mut registry = moving.clone().start().await;
    registry.terminate();
    let exit = registry.wait_for_exit(LIMIT).await;
    assert!(exit.status.success(), "{}\n{}", exit.status, exit.output);
    assert!(
        !exit.output.contains(MOVED),
        "it was too quick to be stopped"
    );
    let unfinished = at(&there).run_to_exit().await;
    unfinished.expect_refusal(&["not finished"]);
    let registry = embedded.start().await;
    registry
        .repository("team/app")
        .delete_blob(&blobs[0].digest)
        .expect(202)
        .await;
    stop(registry).await;

    let registry = moving.start().await;
    registry.wait_for_log(MOVED).await;
    let app = registry.repository("team/app");
    app.expect_no_blob(&blobs[0].digest).await;
    for blob in &blobs[1..] {
        app.expect_blob(blob).await;
    }
}

/// An upload that was begun at the old place is begun anew at the new one.
#[tokio::test]
async fn uploads_in_progress_begin_anew() {
    let (directory, elsewhere) = (tempfile::tempdir(), tempfile::tempdir());
    let (directory, elsewhere) = (directory.expect("one"), elsewhere.expect("another"));
    let embedded = TestRegistry::builder().data_directory(directory.path());
    let registry = embedded.clone().start().await;
    let location = registry
        .repository("team/app")
        .start_upload_with(b"half")
        .await;
    stop(registry).await;
    let moving = embedded
        .moving_to(&Place::inside(elsewhere.path()))
        .start()
        .await;
    moving.wait_for_log(MOVED).await;
    let app = moving.repository("team/app");
    app.patch(&location, b"more")
        .refused(404, "BLOB_UPLOAD_UNKNOWN")
        .await;
    app.push_blob(&Blob::random(100)).await;
}
