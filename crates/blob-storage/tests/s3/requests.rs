//! How many requests each thing costs.

use std::collections::BTreeMap;

use bytes::Bytes;
use registry_core::ports::BlobStore;

use crate::session::{KIB, MIB, Session, pattern, read};
use crate::store::{Server, TestStore};

/// The requests since this was asked the last time.
struct Meter<'a> {
    store: &'a TestStore,
    before: BTreeMap<String, u64>,
}

impl<'a> Meter<'a> {
    fn new(store: &'a TestStore) -> Self {
        let before = store.requests();
        Self { store, before }
    }

    #[track_caller]
    fn assert(&mut self, what: &str, expected: &[(&str, u64)]) {
        let now = self.store.requests();
        let since = |(operation, count): (&String, &u64)| {
            let before = self.before.get(operation).copied().unwrap_or(0);
            (count > &before).then(|| (operation.clone(), count - before))
        };
        let spent: BTreeMap<String, u64> = now.iter().filter_map(since).collect();
        let expected = expected.iter();
        let expected = expected.map(|&(operation, count)| (operation.to_owned(), count));
        assert_eq!(spent, expected.collect(), "{what}");
        self.before = now;
    }
}

#[tokio::test]
async fn what_fits_into_one_part_costs_one_request() {
    let store = TestStore::on(Server::SeaweedFs).await;
    let (blobs, mut meter) = (&*store.blobs, Meter::new(&store));
    for length in [1, 10 * KIB, 1_000_000, 8 * MIB] {
        for known in [true, false] {
            let (bytes, mut session) = (pattern(1, length), Session::new());
            if known {
                session.append(blobs, &bytes, false).await;
            } else {
                session.stream(blobs, &bytes, false).await;
            }
            meter.assert("to append", &[("PutObject", 1)]);
            assert!(session.in_place);
            let published = session.publish(blobs).await.unwrap();
            meter.assert("to publish", &[]);
            assert!(!published.leftovers);
            assert!(read(blobs, published.key, length).await == bytes);
            meter.assert("to read", &[("GetObject", 1)]);
        }
    }
}

#[tokio::test]
async fn what_does_not_costs_one_request_a_part_and_one_to_publish() {
    let store = TestStore::on(Server::SeaweedFs).await;
    let (blobs, mut meter) = (&*store.blobs, Meter::new(&store));
    for (length, sizes) in [
        (20 * MIB, vec![8 * MIB, 8 * MIB, 4 * MIB]),
        (8 * MIB + 1, vec![8 * MIB, 1]),
        (16 * MIB, vec![8 * MIB, 8 * MIB]),
    ] {
        let (bytes, mut session) = (pattern(2, length), Session::new());
        session.stream(blobs, &bytes, false).await;
        assert!(!session.in_place);
        let parts = sizes.len() as u64;
        meter.assert(
            "to append",
            &[("CreateMultipartUpload", 1), ("UploadPart", parts)],
        );
        let there: Vec<u64> = session.parts.iter().map(|part| part.size).collect();
        assert_eq!(
            there,
            sizes.iter().map(|size| *size as u64).collect::<Vec<_>>()
        );
        let published = session.publish(blobs).await.unwrap();
        meter.assert("to publish", &[("CompleteMultipartUpload", 1)]);
        assert!(!published.leftovers);
        assert!(read(blobs, published.key, length).await == bytes);
        meter.assert("to read", &[("GetObject", 1)]);
    }
}

#[tokio::test]
async fn one_chunk_that_may_have_others_behind_it_costs_little() {
    let store = TestStore::on(Server::SeaweedFs).await;
    let (blobs, mut meter) = (&*store.blobs, Meter::new(&store));

    let (bytes, mut session) = (pattern(3, 60 * KIB), Session::new());
    session.append(blobs, &bytes, true).await;
    meter.assert("to append what is remembered", &[]);
    assert!(session.object.state.len() < 70 * KIB);
    let published = session.publish(blobs).await.unwrap();
    meter.assert("to publish what is remembered", &[("PutObject", 1)]);
    assert!(!published.leftovers);

    for length in [65 * KIB, 7 * MIB] {
        let (bytes, mut session) = (pattern(4, length), Session::new());
        session.append(blobs, &bytes, true).await;
        meter.assert("to append", &[("PutObject", 1)]);
        assert!(session.object.state.len() < KIB && !session.in_place);
        let published = session.publish(blobs).await.unwrap();
        meter.assert("to publish", &[("HeadObject", 1)]);
        assert!(!published.leftovers);
        assert!(read(blobs, published.key, length).await == bytes);
        meter.assert("to read", &[("GetObject", 1)]);
    }
}

#[tokio::test]
async fn everything_else_costs_one_request_or_none() {
    let store = TestStore::on(Server::VersityGw).await;
    let (blobs, mut meter) = (&*store.blobs, Meter::new(&store));
    let object = Session::new().object;
    let bytes = pattern(5, 1_000);
    let published = blobs.put(&object, vec![bytes], None).await.unwrap();
    meter.assert("to put", &[("PutObject", 1)]);
    assert!(!published.leftovers);
    for range in [0..1_000, 10..20] {
        blobs.open(published.key, 1_000, range).await.unwrap();
        meter.assert("to open", &[("GetObject", 1)]);
    }
    blobs.open(published.key, 1_000, 7..7).await.unwrap();
    meter.assert("to open nothing", &[("HeadObject", 1)]);
    blobs.redirect(published.key).await.unwrap().unwrap();
    meter.assert("to redirect", &[]);

    for _ in 0..5 {
        blobs.probe().await.unwrap();
    }
    meter.assert("to probe", &[("GetObject", 1)]);

    let mut session = Session::new();
    session.append(blobs, &Bytes::new(), false).await;
    meter.assert("to append nothing", &[]);
    session.publish(blobs).await.unwrap();
    meter.assert("to publish nothing", &[("PutObject", 1)]);

    let sessions: Vec<_> = (0..100).map(|_| Session::new().leftovers(None)).collect();
    assert_eq!(blobs.delete(&sessions).await.unwrap(), sessions);
    meter.assert("to delete", &[("DeleteObjects", 1)]);
}

#[tokio::test]
async fn a_checkpoint_costs_nothing() {
    let store = TestStore::on(Server::SeaweedFs).await;
    let (blobs, mut meter) = (&*store.blobs, Meter::new(&store));
    let bytes = pattern(6, 80 * MIB);
    let mut session = Session::new();
    let mut writer = session.writer(blobs).await;
    assert_eq!(writer.flush_at(), 64 * MIB as u64);
    writer.write(vec![bytes.slice(..64 * MIB)]).await.unwrap();
    let flush = writer.flush();
    assert_eq!(writer.flush_at(), 128 * MIB as u64);
    writer.write(vec![bytes.slice(64 * MIB..)]).await.unwrap();
    session.record(64 * MIB, flush.await.unwrap());
    assert_eq!(session.parts.len(), 8);
    session.record(80 * MIB, writer.close(false).await.unwrap());
    assert_eq!(session.parts.len(), 10);
    meter.assert(
        "to append",
        &[("CreateMultipartUpload", 1), ("UploadPart", 10)],
    );
    session.assert_publishes(blobs, &bytes).await;
}
