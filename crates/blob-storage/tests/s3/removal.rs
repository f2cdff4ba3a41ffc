//! What sessions leave, and what nobody knows of.

use registry_core::ports::{BlobStore, StorageKey, Timestamp};

use crate::session::{KIB, MIB, Session, assert_lost, is_there, pattern, write};
use crate::store::{Server, TestStore};

const SERVERS: [Server; 2] = [Server::SeaweedFs, Server::VersityGw];
const EVER: Timestamp = Timestamp(i64::MAX);

#[tokio::test]
async fn all_holders_of_a_session_are_cleaned_up_after() {
    // Few are deleted unseen, many are looked for.
    for (server, holders) in [
        (Server::SeaweedFs, 3),
        (Server::SeaweedFs, 60),
        (Server::VersityGw, 60),
    ] {
        let store = TestStore::on(server).await;
        let blobs = &*store.blobs;
        let (mut session, other) = (Session::new(), pattern(1, 100));
        for _ in 0..holders {
            session.lose(blobs, &other, false).await;
        }
        let bytes = pattern(2, 70 * KIB);
        session.append(blobs, &bytes, false).await;
        let published = session.publish(blobs).await.unwrap();
        assert!(published.leftovers);
        let left = session.leftovers(Some(published.key.fence));
        let gone = blobs.delete(std::slice::from_ref(&left)).await.unwrap();
        assert_eq!(gone, [left]);
        for fence in 1..=holders {
            let session = published.key.session;
            let key = StorageKey { session, fence };
            assert!(!is_there(blobs, key, 100).await, "{fence}");
        }
        session.assert_publishes(blobs, &bytes).await;
    }
}

#[tokio::test]
async fn the_upload_that_a_row_names_is_given_up_with_it() {
    for server in SERVERS {
        let store = TestStore::on(server).await;
        let blobs = &*store.blobs;
        let mut session = Session::new();
        session.stream(blobs, &pattern(1, 9 * MIB), true).await;
        assert_eq!(blobs.unfinished(EVER).await.unwrap().len(), 1);
        let left = session.leftovers(None);
        for _ in 0..2 {
            let gone = blobs.delete(std::slice::from_ref(&left)).await.unwrap();
            assert_eq!(gone, std::slice::from_ref(&left));
        }
        assert_eq!(blobs.unfinished(EVER).await.unwrap(), []);
        assert_lost(&session.publish(blobs).await);
    }
}

#[tokio::test]
async fn what_was_put_in_place_of_an_upload_is_kept() {
    let store = TestStore::on(Server::VersityGw).await;
    let blobs = &*store.blobs;
    let mut session = Session::new();
    session.stream(blobs, &pattern(1, 9 * MIB), true).await;
    let bytes = pattern(2, 50);
    let published = blobs.put(&session.object, vec![bytes], None).await.unwrap();
    assert!(published.leftovers);
    let left = session.leftovers(Some(published.key.fence));
    blobs.delete(&[left]).await.unwrap();
    assert!(is_there(blobs, published.key, 50).await);
    assert_eq!(blobs.unfinished(EVER).await.unwrap(), []);
}

#[tokio::test]
async fn uploads_that_no_row_names_are_found_and_taken_back() {
    for server in SERVERS {
        let store = TestStore::on(server).await;
        let blobs = &*store.blobs;
        let sessions: Vec<Session> = (0..5).map(|_| Session::new()).collect();
        for session in &sessions {
            session
                .clone()
                .lose(blobs, &pattern(1, 9 * MIB), true)
                .await;
        }
        assert_eq!(blobs.unfinished(Timestamp(0)).await.unwrap(), []);
        let pod = store.again().await;
        let found = pod.blobs.unfinished(EVER).await.unwrap();
        let mut keys: Vec<_> = found.iter().map(|upload| upload.key).collect();
        keys.sort_unstable();
        let mut expected: Vec<_> = sessions.iter().map(|one| one.object.key).collect();
        expected.sort_unstable();
        assert_eq!(keys, expected);
        for _ in 0..2 {
            pod.blobs.take_back(&found).await.unwrap();
            assert_eq!(pod.blobs.unfinished(EVER).await.unwrap(), []);
        }
    }
}

#[tokio::test]
async fn what_was_published_is_not_unfinished_and_cannot_be_taken_back() {
    for server in SERVERS {
        let store = TestStore::on(server).await;
        let blobs = &*store.blobs;
        let (mut session, bytes) = (Session::new(), pattern(1, 9 * MIB));
        session.stream(blobs, &bytes, false).await;
        let found = blobs.unfinished(EVER).await.unwrap();
        assert_eq!(found.len(), 1);
        session.assert_publishes(blobs, &bytes).await;
        assert_eq!(blobs.unfinished(EVER).await.unwrap(), []);
        blobs.take_back(&found).await.unwrap();
        session.assert_publishes(blobs, &bytes).await;
    }
}

#[tokio::test]
async fn a_writer_that_gives_up_takes_back_what_only_it_knows_of() {
    let store = TestStore::on(Server::SeaweedFs).await;
    let blobs = &*store.blobs;
    let mut session = Session::new();
    let mut writer = session.writer(blobs).await;
    write(&mut writer, &pattern(1, 20 * MIB)).await.unwrap();
    writer.abandon().await;
    assert_eq!(blobs.unfinished(EVER).await.unwrap(), []);

    // What was told stays.
    let mut writer = session.writer(blobs).await;
    write(&mut writer, &pattern(2, 64 * MIB)).await.unwrap();
    let told = writer.flush().await.unwrap();
    session.record(64 * MIB, told);
    write(&mut writer, &pattern(3, 9 * MIB)).await.unwrap();
    writer.abandon().await;
    assert_eq!(blobs.unfinished(EVER).await.unwrap().len(), 1);
    session.object.key.fence += 1;
    session.assert_publishes(blobs, &pattern(2, 64 * MIB)).await;
}

#[tokio::test]
async fn what_a_holder_stored_after_its_last_record_is_not_forgotten() {
    let store = TestStore::on(Server::VersityGw).await;
    let blobs = &*store.blobs;
    for dies in [true, false] {
        let mut session = Session::new();
        let mut writer = session.writer(blobs).await;
        write(&mut writer, &pattern(1, 64 * MIB)).await.unwrap();
        let told = writer.flush().await.unwrap();
        session.record(64 * MIB, told);
        write(&mut writer, &pattern(2, MIB)).await.unwrap();
        let stored = writer.close(dies).await.unwrap();
        if !dies {
            session.record(65 * MIB, stored);
        }
        session.object.key.fence += 1;
        let published = session.publish(blobs).await.unwrap();
        assert_eq!(published.leftovers, dies);
    }
}

#[tokio::test]
async fn what_a_holder_published_and_did_not_record_is_not_forgotten() {
    let store = TestStore::on(Server::VersityGw).await;
    let blobs = &*store.blobs;
    let mut session = Session::new();
    session.stream(blobs, &pattern(1, 1_000), true).await;
    // A request without a byte ends it, publishes, and dies.
    let mut writer = session.writer(blobs).await;
    let stored = writer.close(false).await.unwrap();
    session.record(1_000, stored);
    let first = session.publish(blobs).await.unwrap();
    session.object.key.fence += 1;
    let second = session.publish(blobs).await.unwrap();
    assert_ne!(first.key, second.key);
    assert!(second.leftovers);
    let left = session.leftovers(Some(second.key.fence));
    blobs.delete(&[left]).await.unwrap();
    assert!(!is_there(blobs, first.key, 1_000).await);
    session.assert_publishes(blobs, &pattern(1, 1_000)).await;
}
