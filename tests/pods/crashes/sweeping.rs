//! The pod dies while it cleans up, or does not die at all but sleeps for so long that others take it for dead.

use berth_test_servers::fault_proxy::Operation;
use berth_tests::{Blob, TestRegistry};
use rustix::process::{Pid, Signal, kill_process};

use super::{LARGE, Patience, Scene};
use crate::LIMIT;

#[tokio::test]
async fn after_objects_were_deleted() {
    let mut scene = Scene::set(Patience::Long).await;
    let repository = scene.repository();
    let location = repository.start_upload().await;
    let blob = Blob::random(500_000);
    let location = repository.append_at(&location, 0, &blob.bytes).await;
    assert_eq!(scene.inside().await.objects().await.len(), 1);

    scene.withhold_answers(Operation::DeleteObjects);
    repository.client().delete(&location).expect(204).await;
    scene.wait_for(Operation::DeleteObjects, 2).await;
    scene.pod.kill_hard();
    let inside = scene.inside().await;
    assert!(inside.objects().await.is_empty());
    let rows = inside.ask("SELECT count(*) FROM storage_deletions").await;
    assert_eq!(rows, "1", "nobody has heard that it is done");
    let after = scene.aftermath().await;
    after.expect_taken_back(&location, &blob).await;
}

/// A client whose pod does not answer sends the same again to another one, and what the first does late is in nobody's
/// way.
#[tokio::test]
async fn after_it_slept_while_another_went_on() {
    let scene = Scene::set(Patience::Long).await;
    let blob = Blob::random(2 * LARGE);
    let (location, awake) = sleeps_through(&scene, &blob, &blob.bytes[LARGE..]).await;
    let repository = awake.repository("team/app");
    repository.finish(&location, &blob).await;
    scene.inside().await.wait_until_tidy().await;
    assert!(scene.stores.unfinished_uploads().await.is_empty());
}

/// Late parts with other bytes can replace parts that count. Then the upload fails; what it never does is succeed with
/// bytes that are not those of the digest.
#[tokio::test]
async fn after_it_slept_with_other_bytes() {
    let scene = Scene::set(Patience::Long).await;
    let blob = Blob::random(2 * LARGE);
    let other = Blob::random(LARGE);
    let (location, awake) = sleeps_through(&scene, &blob, &other.bytes).await;
    let repository = awake.repository("team/app");
    let put = repository.finish_upload(&location, &blob.digest, &[]);
    let answer = put.send().await;
    if answer.status() == 201 {
        repository.expect_blob(&blob).await;
    } else {
        answer.expect_status(500);
        repository.expect_no_blob(&blob.digest).await;
        repository.push_blob(&blob).await;
        repository.expect_blob(&blob).await;
    }
}

/// A pod sleeps in the middle of the second chunk of a blob, until another pod has taken that chunk. Then it wakes up and
/// gets the rest of what it was being sent. Returns where the upload goes on, and the other pod.
async fn sleeps_through(scene: &Scene, blob: &Blob, late: &[u8]) -> (String, TestRegistry) {
    let repository = scene.repository();
    let location = repository.start_upload().await;
    let location = repository
        .append_at(&location, 0, &blob.bytes[..LARGE])
        .await;
    let (range, length) = (format!("{LARGE}-{}", 2 * LARGE - 1), late.len());
    let head = format!(
        "PATCH {location} HTTP/1.1\r\nHost: pod\r\nContent-Range: {range}\r\nContent-Length: {length}\r\n\r\n"
    );
    let mut sleeper = scene.pod.connect().await;
    scene.proxy.forget_requests();
    sleeper
        .send([head.as_bytes(), &late[..LARGE / 2]].concat())
        .await;
    scene.wait_for(Operation::UploadPart, 1).await;
    signal(&scene.pod, Signal::STOP);

    let awake = super::start_pod(&scene.stores, scene.patience).await;
    let repository = awake.repository("team/app");
    let rest = &blob.bytes[LARGE..];
    crate::patiently(|| repository.patch_range(&location, LARGE, rest))
        .await
        .expect_status(202);
    signal(&scene.pod, Signal::CONT);
    sleeper.send(&late[LARGE / 2..]).await;
    let answer = sleeper.response(LIMIT).await.expect("an answer");
    assert_eq!(answer.status, 404, "{}", answer.head);
    (location, awake)
}

fn signal(pod: &TestRegistry, signal: Signal) {
    let id = i32::try_from(pod.process_id()).ok().and_then(Pid::from_raw);
    kill_process(id.expect("a process id"), signal).expect("the pod can be signalled");
}
