//! A server that fails, forgets its answers, or hears everything twice.

use std::time::Duration;

use berth_test_servers::FaultProxy;
use berth_test_servers::fault_proxy::{Fault, Operation};
use registry_core::ports::{BlobStore, BlobStoreError, Timestamp};

use crate::session::{KIB, MIB, Session, pattern, read, write};
use crate::store::{Server, TestStore, options, url};

const SERVERS: [Server; 2] = [Server::SeaweedFs, Server::VersityGw];

/// A store that is reached through a proxy, and the same without.
async fn store(server: Server) -> (TestStore, TestStore, FaultProxy) {
    let mut access = server.access().await;
    let proxy = FaultProxy::start(&access.endpoint);
    access.endpoint = proxy.endpoint();
    let through = TestStore::open(url(&access, ""), options(&access))
        .await
        .unwrap();
    let mut direct = through.url.clone();
    direct.endpoint = Some(server.access().await.endpoint);
    let direct = TestStore::open(direct, options(&access)).await.unwrap();
    (through, direct, proxy)
}

#[tokio::test]
async fn a_request_that_fails_now_and_then_is_sent_again() {
    let (store, _, proxy) = store(Server::VersityGw).await;
    proxy.rule(|request| match request.number % 3 {
        0 => Fault::Pass,
        1 => Fault::SlowDown,
        _ => Fault::Disconnect,
    });
    let (bytes, mut session) = (pattern(1, 9 * MIB), Session::new());
    session.stream(&*store.blobs, &bytes, true).await;
    proxy.clear();
    session.assert_publishes(&*store.blobs, &bytes).await;
    // Each attempt counts.
    assert_eq!(store.requests()["CreateMultipartUpload"], 3);
}

#[tokio::test]
async fn an_upload_that_cannot_be_stored_fails_and_leaves_nothing() {
    let (store, direct, proxy) = store(Server::SeaweedFs).await;
    let session = Session::new();
    let mut writer = session.writer(&*store.blobs).await;
    proxy.rule(|request| match request.operation {
        Operation::UploadPart => Fault::Fail,
        _ => Fault::Pass,
    });
    let written = write(&mut writer, &pattern(1, 20 * MIB)).await;
    let closed = match written {
        Ok(()) => writer.close(false).await.map(drop),
        error => error,
    };
    let Err(BlobStoreError::Unavailable(error)) = closed else {
        panic!("{closed:?}");
    };
    assert!(error.to_string().contains("InternalError"), "{error}");
    proxy.clear();
    writer.abandon().await;
    let found = direct.blobs.unfinished(Timestamp(i64::MAX)).await.unwrap();
    assert_eq!(found, []);
    assert_eq!(store.gauge("registry_s3_buffer_bytes"), 0);
}

#[tokio::test]
async fn an_object_may_be_complete_though_the_answer_was_lost() {
    for server in SERVERS {
        for fault in [
            Fault::LoseAnswer,
            Fault::ErrorInBody,
            Fault::Duplicate,
            Fault::SlowDown,
        ] {
            let (store, _, proxy) = store(server).await;
            let (bytes, mut session) = (pattern(1, 9 * MIB), Session::new());
            session.stream(&*store.blobs, &bytes, false).await;
            proxy.once(Operation::CompleteMultipartUpload, fault);
            session.assert_publishes(&*store.blobs, &bytes).await;
        }
    }
}

#[tokio::test]
async fn an_error_below_a_200_is_an_error() {
    let (store, _, proxy) = store(Server::VersityGw).await;
    let (bytes, mut session) = (pattern(1, 9 * MIB), Session::new());
    session.stream(&*store.blobs, &bytes, false).await;
    proxy.rule(|request| match request.operation {
        Operation::CompleteMultipartUpload => Fault::ErrorInBody,
        _ => Fault::Pass,
    });
    let error = session.publish(&*store.blobs).await.unwrap_err();
    assert!(matches!(error, BlobStoreError::Unavailable(_)), "{error:?}");
    proxy.clear();
    // Nothing is lost by it.
    session.object.key.fence += 1;
    session.assert_publishes(&*store.blobs, &bytes).await;
}

#[tokio::test]
async fn an_upload_whose_id_got_lost_is_found() {
    let (store, direct, proxy) = store(Server::SeaweedFs).await;
    proxy.once(Operation::CreateMultipartUpload, Fault::LoseAnswer);
    let (bytes, mut session) = (pattern(1, 9 * MIB), Session::new());
    session.stream(&*store.blobs, &bytes, false).await;
    session.assert_publishes(&*store.blobs, &bytes).await;
    let found = direct.blobs.unfinished(Timestamp(i64::MAX)).await.unwrap();
    assert_eq!(found.len(), 1);
    direct.blobs.take_back(&found).await.unwrap();
    session.assert_publishes(&*store.blobs, &bytes).await;
}

#[tokio::test]
async fn what_arrives_twice_changes_nothing() {
    for server in SERVERS {
        let (store, _, proxy) = store(server).await;
        let blobs = &*store.blobs;
        proxy.rule(|_| Fault::Duplicate);
        let bytes = pattern(1, 30 * MIB);
        let mut session = Session::new();
        let mut start = 0;
        for (length, more) in [
            (100 * KIB, true),
            (300 * KIB, true),
            (19 * MIB, false),
            (KIB, true),
            (9 * MIB, true),
        ] {
            let part = bytes.slice(start..start + length);
            session.stream(blobs, &part, more).await;
            start += length;
        }
        let bytes = bytes.slice(..start);
        let published = session.assert_publishes(blobs, &bytes).await;
        let left = session.leftovers(Some(published.key.fence));
        assert_eq!(
            blobs.delete(std::slice::from_ref(&left)).await.unwrap(),
            [left]
        );
        proxy.clear();
        assert!(read(blobs, published.key, start).await == bytes);
    }
}

#[tokio::test]
async fn what_is_read_for_an_upload_is_read_again_if_it_breaks_off() {
    let (store, _, proxy) = store(Server::VersityGw).await;
    let (bytes, mut session) = (pattern(1, 400 * KIB), Session::new());
    session
        .append(&*store.blobs, &bytes.slice(..200 * KIB), true)
        .await;
    for _ in 0..2 {
        proxy.once(Operation::GetObject, Fault::CutAnswer(50_000));
    }
    session
        .append(&*store.blobs, &bytes.slice(200 * KIB..), true)
        .await;
    session.assert_publishes(&*store.blobs, &bytes).await;
}

#[tokio::test]
async fn a_download_that_breaks_off_is_no_shorter_object() {
    let (store, _, proxy) = store(Server::VersityGw).await;
    let object = Session::new().object;
    let bytes = pattern(1, 900_000);
    let published = store.blobs.put(&object, vec![bytes], None).await.unwrap();
    proxy.once(Operation::GetObject, Fault::CutAnswer(100_000));
    let location = store.blobs.open(published.key, 900_000, 0..900_000).await;
    let registry_core::ports::Location::Stream(stream) = location.unwrap() else {
        panic!("a stream");
    };
    let slices: Vec<_> = futures_util::StreamExt::collect(stream).await;
    assert!(slices.iter().any(Result::is_err));
}

#[tokio::test]
async fn a_slow_server_is_waited_for() {
    let (store, _, proxy) = store(Server::VersityGw).await;
    proxy.rule(|_| Fault::Delay(Duration::from_millis(300)));
    let (bytes, mut session) = (pattern(1, 17 * MIB), Session::new());
    session.stream(&*store.blobs, &bytes, false).await;
    proxy.clear();
    session.assert_publishes(&*store.blobs, &bytes).await;
}

#[tokio::test]
async fn readiness_follows_the_server() {
    let (store, _, proxy) = store(Server::VersityGw).await;
    proxy.rule(|_| Fault::Fail);
    let error = store.blobs.probe().await.unwrap_err();
    assert!(matches!(error, BlobStoreError::Unavailable(_)), "{error:?}");
    proxy.clear();
    store.blobs.probe().await.unwrap();
}
