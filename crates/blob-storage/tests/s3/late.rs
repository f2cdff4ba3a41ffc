//! Holders that were thought dead, and come back: they change nothing that is published.

use registry_core::ports::BlobStore;

use crate::session::{KIB, MIB, Session, assert_lost, is_there, pattern, read, write};
use crate::store::{Server, TestStore};

const SERVERS: [Server; 2] = [Server::SeaweedFs, Server::VersityGw];

/// A session with parts, the holder that stalls, and the one that takes over.
async fn stalled(store: &TestStore) -> (Session, Session, Vec<u8>) {
    let mut session = Session::new();
    let begin = pattern(1, 20 * MIB);
    session.stream(&*store.blobs, &begin, true).await;
    let next = session.taken_over();
    (session, next, begin.to_vec())
}

#[tokio::test]
async fn parts_that_come_too_late_are_found_out() {
    for server in SERVERS {
        let store = TestStore::on(server).await;
        let blobs = &*store.blobs;
        let (late, mut session, begin) = stalled(&store).await;
        let end = pattern(2, 10 * MIB);
        session.stream(blobs, &end, false).await;
        let mut writer = late.writer(blobs).await;
        write(&mut writer, &pattern(3, 10 * MIB)).await.unwrap();
        writer.close(false).await.unwrap();
        match server {
            // It keeps all that had a number, and takes the one that is named.
            Server::SeaweedFs => {
                let bytes = [begin, end.to_vec()].concat();
                session.assert_publishes(blobs, &bytes).await;
            }
            Server::VersityGw => assert_lost(&session.publish(blobs).await),
        }
    }
}

#[tokio::test]
async fn parts_that_nobody_recorded_are_replaced() {
    for server in SERVERS {
        let store = TestStore::on(server).await;
        let blobs = &*store.blobs;
        let (mut late, mut session, begin) = stalled(&store).await;
        late.lose(blobs, &pattern(3, 30 * MIB), false).await;
        let end = pattern(2, 10 * MIB);
        session.stream(blobs, &end, false).await;
        let published = session
            .assert_publishes(blobs, &[begin, end.to_vec()].concat())
            .await;
        assert!(published.leftovers);
    }
}

#[tokio::test]
async fn who_comes_after_publication_finds_nothing_to_change() {
    for server in SERVERS {
        let store = TestStore::on(server).await;
        let blobs = &*store.blobs;
        let (late, mut session, begin) = stalled(&store).await;
        let mut writer = late.writer(blobs).await;
        write(&mut writer, &pattern(3, 3 * MIB)).await.unwrap();
        let end = pattern(2, 3 * MIB);
        session.stream(blobs, &end, false).await;
        let bytes = [begin, end.to_vec()].concat();
        let published = session.assert_publishes(blobs, &bytes).await;
        // A part for an upload that is over; some servers hang up while it is being sent.
        let late = writer.close(false).await;
        assert!(late.is_err(), "{late:?}");
        assert!(read(blobs, published.key, bytes.len()).await == bytes);
    }
}

#[tokio::test]
async fn whole_objects_and_tails_of_different_holders_keep_apart() {
    for (length, more) in [(1_000, false), (100 * KIB, false), (100 * KIB, true)] {
        let store = TestStore::on(Server::SeaweedFs).await;
        let blobs = &*store.blobs;
        let late = Session::new();
        let mut writer = late.writer(blobs).await;
        write(&mut writer, &pattern(3, length)).await.unwrap();
        let mut session = late.taken_over();
        let bytes = pattern(2, length);
        session.append(blobs, &bytes, more).await;
        let published = session.publish(blobs).await.unwrap();
        writer.close(more).await.unwrap();
        assert!(published.leftovers);
        assert!(read(blobs, published.key, length).await == bytes);
        session.assert_publishes(blobs, &bytes).await;

        // What the late one left goes, and nothing else.
        let left = session.leftovers(Some(published.key.fence));
        assert_eq!(
            blobs.delete(std::slice::from_ref(&left)).await.unwrap(),
            [left]
        );
        assert!(!is_there(blobs, late.object.key, length).await);
        assert!(is_there(blobs, published.key, length).await);
    }
}

#[tokio::test]
async fn a_tail_and_an_upload_of_one_holder_keep_apart() {
    let store = TestStore::on(Server::VersityGw).await;
    let blobs = &*store.blobs;
    let bytes = pattern(4, 8 * MIB + 200 * KIB);
    let mut session = Session::new();
    // One holder begins the upload and stores a tail, which a later request would replace.
    session.stream(blobs, &bytes, true).await;
    assert_eq!(session.parts.len(), 1);
    for _ in 0..3 {
        session.assert_publishes(blobs, &bytes).await;
        session.object.key.fence += 1;
    }
}

#[tokio::test]
async fn a_holder_that_writes_beside_the_one_who_died_needs_nothing_of_it() {
    let store = TestStore::on(Server::VersityGw).await;
    let blobs = &*store.blobs;
    let mut session = Session::new();
    session.lose(blobs, &pattern(5, 20 * MIB), false).await;
    session.lose(blobs, &pattern(6, 2 * MIB), true).await;
    let bytes = pattern(7, 9 * MIB);
    session.append(blobs, &bytes, false).await;
    let published = session.assert_publishes(blobs, &bytes).await;
    assert_eq!(published.key.fence, 3);
    assert!(published.leftovers);
}
