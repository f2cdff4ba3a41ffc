//! Going on with an upload that seemed complete.

use registry_core::ports::BlobStore;

use crate::session::{KIB, MIB, Session, assert_lost, is_there, pattern, write};
use crate::store::{Server, TestStore};

/// An object that ends with a short part, as if nothing came behind it.
async fn closed(store: &TestStore, length: usize) -> (Session, Vec<u8>) {
    let (mut session, bytes) = (Session::new(), pattern(1, length));
    session.stream(&*store.blobs, &bytes, false).await;
    assert!(!session.parts.is_empty());
    (session, bytes.to_vec())
}

#[tokio::test]
async fn s3_makes_the_copies_and_no_byte_is_read() {
    for server in [Server::SeaweedFs, Server::VersityGw] {
        let store = TestStore::on(server).await;
        let (mut session, begin) = closed(&store, 20 * MIB).await;
        let pod = store.again().await;
        let end = pattern(2, 9 * MIB);
        session.stream(&*pod.blobs, &end, false).await;
        let sizes: Vec<u64> = session.parts.iter().map(|part| part.size >> 20).collect();
        assert_eq!(sizes, [20, 8, 1], "the parts of before are void");
        let spent = pod.requests();
        let once = ["ListParts", "UploadPartCopy", "CreateMultipartUpload"];
        for operation in once.into_iter().chain(["CompleteMultipartUpload"]) {
            assert_eq!(spent.get(operation), Some(&1), "{operation} {server:?}");
        }
        assert_eq!(spent.get("GetObject"), None);

        let bytes = [begin, end.to_vec()].concat();
        let published = session.assert_publishes(&*store.blobs, &bytes).await;
        assert!(published.leftovers, "what was completed before");
        let before = Session::new().object.key;
        let before = registry_core::ports::StorageKey {
            session: published.key.session,
            ..before
        };
        assert!(is_there(&*store.blobs, before, 20 * MIB).await);
        let left = session.leftovers(Some(published.key.fence));
        store.blobs.delete(&[left]).await.unwrap();
        assert!(!is_there(&*store.blobs, before, 20 * MIB).await);
        session.assert_publishes(&*store.blobs, &bytes).await;
    }
}

#[tokio::test]
async fn where_parts_have_one_size_the_rest_is_read() {
    let parameters = "&uniform_parts=true&part_size=8MiB";
    let store = TestStore::with(Server::SeaweedFs, parameters).await;
    let (mut session, mut bytes) = closed(&store, 20 * MIB).await;
    for (length, sizes) in [
        (KIB, vec![8 * MIB, 8 * MIB, 4 * MIB + KIB]),
        (9 * MIB, vec![8 * MIB, 8 * MIB, 8 * MIB, 5 * MIB + KIB]),
    ] {
        let end = pattern(3, length);
        session.append(&*store.blobs, &end, false).await;
        bytes.extend(&end);
        let there: Vec<_> = session.parts.iter().map(|part| part.size).collect();
        assert_eq!(
            there,
            sizes.iter().map(|size| *size as u64).collect::<Vec<_>>()
        );
    }
    session.assert_publishes(&*store.blobs, &bytes).await;
}

#[tokio::test]
async fn a_crash_on_the_way_is_made_good() {
    for server in [Server::SeaweedFs, Server::VersityGw] {
        let store = TestStore::on(server).await;
        let (mut session, begin) = closed(&store, 9 * MIB).await;
        // The first holder dies after its copies, with nothing recorded; the second gives up.
        session.lose(&*store.blobs, &pattern(2, 10), false).await;
        let mut writer = session.writer(&*store.blobs).await;
        write(&mut writer, &pattern(3, 10)).await.unwrap();
        writer.abandon().await;
        session.object.key.fence += 1;
        // What was acknowledged can be published as it is.
        session.assert_publishes(&*store.blobs, &begin).await;
        // Or gone on with.
        let end = pattern(4, 10);
        session.append(&*store.blobs, &end, false).await;
        let bytes = [begin, end.to_vec()].concat();
        session.assert_publishes(&*store.blobs, &bytes).await;
    }
}

#[tokio::test]
async fn a_part_that_somebody_replaced_is_found_out() {
    for server in [Server::SeaweedFs, Server::VersityGw] {
        let store = TestStore::on(server).await;
        let blobs = &*store.blobs;
        let mut session = Session::new();
        session.stream(blobs, &pattern(1, 20 * MIB), true).await;
        let late = session.clone();
        session.object.key.fence += 1;
        session.stream(blobs, &pattern(2, 5 * MIB), false).await;
        let mut writer = late.writer(blobs).await;
        write(&mut writer, &pattern(3, 5 * MIB)).await.unwrap();
        writer.close(false).await.unwrap();

        let mut writer = session.writer(blobs).await;
        let written = writer.write(vec![pattern(4, 10)]).await;
        match server {
            // It keeps all that had a number, and takes the one that is named.
            Server::SeaweedFs => {
                let stored = writer.close(false).await.unwrap();
                session.record(25 * MIB + 10, stored);
                let bytes = [
                    &pattern(1, 20 * MIB)[..],
                    &pattern(2, 5 * MIB),
                    &pattern(4, 10),
                ];
                session.assert_publishes(blobs, &bytes.concat()).await;
            }
            Server::VersityGw => {
                assert_lost(&written);
                let after = writer.close(false).await;
                assert!(after.is_err(), "{after:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_last_part_that_is_large_enough_is_simply_followed() {
    let store = TestStore::on(Server::VersityGw).await;
    let (mut session, begin) = closed(&store, 14 * MIB).await;
    let end = pattern(2, 3 * MIB);
    session.stream(&*store.blobs, &end, false).await;
    assert_eq!(session.parts.len(), 3);
    assert_eq!(store.requests().get("UploadPartCopy"), None);
    let bytes = [begin, end.to_vec()].concat();
    session.assert_publishes(&*store.blobs, &bytes).await;
}
