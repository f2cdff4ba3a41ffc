//! The pod dies while bytes come in.

use berth_test_servers::fault_proxy::Operation;
use berth_tests::Blob;
use futures_util::future::join_all;

use super::{LARGE, Patience, Scene};

/// What the session of a test has.
const COMMITTED: &str = "SELECT committed FROM uploads WHERE state = 0";

#[tokio::test]
async fn after_a_session_was_opened() {
    let scene = Scene::set(Patience::Short).await;
    let location = scene.repository().start_upload().await;
    let after = scene.aftermath().await;
    after.expect_taken_back(&location, &Blob::random(1)).await;
}

#[tokio::test]
async fn after_an_upload_in_parts_was_begun() {
    let scene = Scene::set(Patience::Long).await;
    let blob = Blob::random(LARGE);
    let location = scene.repository().start_upload().await;
    let patch = scene.repository().patch_range(&location, 0, &blob.bytes);
    let after = scene
        .dies_after(Operation::CreateMultipartUpload, patch)
        .await;

    after.expect_invisible(&blob).await;
    let orphans = after.stores.unfinished_uploads().await;
    assert_eq!(orphans.len(), 1, "{orphans:?}");
    after
        .append_again(&location, 0, &blob.bytes)
        .await
        .expect_status(202);
    after.finish_again(&location, &blob, &[]).await;
    after.inside().await.wait_until_tidy().await;
    // It is no object. The search for such uploads leaves it alone for a day: it may belong to a request under way.
    assert_eq!(after.stores.unfinished_uploads().await, orphans);
}

#[tokio::test]
async fn after_parts_were_sent() {
    let scene = Scene::set(Patience::Long).await;
    let repository = scene.repository();
    let first = Blob::random(2 * LARGE).bytes;
    let (recorded, lost) = first.split_at(LARGE);
    let location = repository.start_upload().await;
    let location = repository.append_at(&location, 0, recorded).await;
    let patch = repository.patch_range(&location, recorded.len(), lost);
    // What is behind the last part: by then the parts are stored, or on their way.
    let after = scene.dies_after(Operation::PutObject, patch).await;

    let repository = after.repository();
    let status = repository.client().get(&location).expect(204).await;
    status.expect_header("range", format!("0-{}", recorded.len() - 1));
    // Whatever the client sends now is what counts, also if it is something else, and less.
    let other = Blob::random(LARGE - 3_000_000).bytes;
    let whole = Blob::new([recorded, &other].concat());
    after
        .append_again(&location, recorded.len(), &other)
        .await
        .expect_status(202);
    after.finish_again(&location, &whole, &[]).await;
    after.expect_tidy().await;
}

#[tokio::test]
async fn after_parts_were_sent_that_nobody_sends_again() {
    let scene = Scene::set(Patience::Short).await;
    let repository = scene.repository();
    let blob = Blob::random(2 * LARGE);
    let location = repository.start_upload().await;
    let location = repository
        .append_at(&location, 0, &blob.bytes[..LARGE])
        .await;
    let patch = repository.patch_range(&location, LARGE, &blob.bytes[LARGE..]);
    let after = scene.dies_after(Operation::PutObject, patch).await;
    after.expect_taken_back(&location, &blob).await;
}

/// More comes behind a stream that seemed to be all. Then its parts are made an object, and that a part of a new upload.
#[tokio::test]
async fn while_it_went_on_with_what_seemed_complete() {
    let steps = [
        Operation::CompleteMultipartUpload,
        Operation::CreateMultipartUpload,
        Operation::UploadPartCopy,
    ];
    // The client sends the same again, or thinks better of it.
    let again = steps.map(|step| goes_on(step, LARGE / 2));
    let enough = steps.map(|step| goes_on(step, 0));
    join_all(again.into_iter().chain(enough)).await;
}

async fn goes_on(dies_after: Operation, more: usize) {
    let scene = Scene::set(Patience::Long).await;
    let blob = Blob::random(LARGE + more);
    let (first, second) = blob.bytes.split_at(LARGE);
    let location = scene.repository().start_upload_with(first).await;
    let lost = Blob::random(LARGE / 2).bytes;
    let patch = scene.repository().patch_range(&location, LARGE, &lost);
    let after = scene.dies_after(dies_after, patch).await;

    after.expect_invisible(&blob).await;
    if more > 0 {
        let again = after.append_again(&location, LARGE, second).await;
        again.expect_status(202);
    }
    after.finish_again(&location, &blob, &[]).await;
    after.inside().await.wait_until_tidy().await;
}

#[tokio::test]
async fn after_a_chunk_was_recorded() {
    // Remembered in the row, as an object, in parts.
    let recorded = [50_000, 500_000, LARGE].map(async |length| {
        let scene = Scene::set(Patience::Long).await;
        let blob = Blob::random(length);
        let location = scene.repository().start_upload().await;
        let range = format!("0-{}", length - 1);
        let request = format!("PATCH {location} HTTP/1.1\r\nContent-Range: {range}");
        let committed = length.to_string();
        let after = scene
            .dies_unheard(&request, &blob.bytes, [COMMITTED, &committed])
            .await;

        let refused = after.append_again(&location, 0, &blob.bytes).await;
        refused
            .expect_error(416, "BLOB_UPLOAD_INVALID")
            .expect_header("range", range);
        after.finish_again(&location, &blob, &[]).await;
        after.expect_tidy().await;
    });
    join_all(recorded).await;
}
