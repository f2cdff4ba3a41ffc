//! Sessions of every shape: chunks of any length, right and wrong guesses, holders that die or come back
//! late. Whatever happens, what is published is what was acknowledged.

use registry_core::ports::{BlobStore, Timestamp};

use crate::session::{KIB, MIB, Session, is_there, pattern, read};
use crate::store::{Server, TestStore};

/// Numbers that look random, and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // Of Knuth's, as good as it has to be here.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn length(&mut self) -> usize {
        let (least, spread) = [
            (0, 1),
            (1, 10),
            (KIB, KIB),
            (60 * KIB, 10 * KIB),
            (300 * KIB, MIB),
            (2 * MIB, 3 * MIB),
            (5 * MIB, 1),
            (8 * MIB, 2),
            (9 * MIB, 4 * MIB),
        ][self.roll(9)];
        least + self.roll(spread)
    }
}

pub(crate) async fn live(pods: &[TestStore], seed: u64) {
    let mut dice = Dice(seed);
    let (mut session, mut bytes) = (Session::new(), Vec::new());
    // A holder that was thought dead is one that has an older idea of the session.
    let mut late = session.clone();
    for _ in 0..=dice.roll(8) {
        let blobs = &*pods[dice.roll(pods.len())].blobs;
        let part = pattern(u8::try_from(dice.roll(250)).unwrap(), dice.length());
        let more = dice.roll(2) == 0;
        match dice.roll(5) {
            0 => session.lose(blobs, &part, more).await,
            1 => {
                // It writes what nobody records, under a fence that others have left behind.
                let mut back = late.clone();
                let closed = blobs.append(&back.object, None).await;
                if let Ok(mut writer) = closed {
                    let written = writer.write(vec![part.clone()]).await;
                    back.object.key.fence += 1;
                    if written.is_ok() && session.object.state.is_empty() {
                        writer.close(more).await.unwrap();
                    } else {
                        writer.abandon().await;
                    }
                }
            }
            roll => {
                late = session.taken_over();
                session.object.key.fence += 1;
                if roll == 2 {
                    session.append(blobs, &part, more).await;
                } else {
                    session.stream(blobs, &part, more).await;
                }
                bytes.extend_from_slice(&part);
            }
        }
        assert_eq!(session.object.committed, bytes.len() as u64);
    }
    let blobs = &*pods[0].blobs;
    let published = session.assert_publishes(blobs, &bytes).await;
    session.object.key.fence += 1;
    let again = session.assert_publishes(&*pods[1].blobs, &bytes).await;

    // The second one may have made an object of its own; the first is what counts.
    let left = session.leftovers(Some(published.key.fence));
    let gone = blobs.delete(std::slice::from_ref(&left)).await.unwrap();
    assert_eq!(gone, [left]);
    assert!(read(blobs, published.key, bytes.len()).await == bytes);
    if again.key != published.key {
        assert!(!is_there(blobs, again.key, bytes.len()).await);
    }
}

async fn sessions(server: Server, parameters: &str, seeds: std::ops::Range<u64>) {
    let store = TestStore::with(server, parameters).await;
    let pods = [store.again().await, store];
    for seed in seeds {
        live(&pods, seed).await;
    }
    // No row leads to the uploads that holders began and did not record.
    let unfinished = pods[0].blobs.unfinished(Timestamp(i64::MAX)).await.unwrap();
    pods[0].blobs.take_back(&unfinished).await.unwrap();
    for pod in &pods {
        assert_eq!(pod.gauge("registry_s3_buffer_bytes"), 0);
    }
}

#[tokio::test]
async fn on_seaweedfs() {
    sessions(Server::SeaweedFs, "", 0..12).await;
}

#[tokio::test]
async fn on_versitygw() {
    sessions(Server::VersityGw, "", 100..125).await;
}

#[tokio::test]
async fn with_uniform_parts() {
    let parameters = "&uniform_parts=true&part_size=5MiB";
    sessions(Server::VersityGw, parameters, 200..225).await;
}

#[tokio::test]
async fn with_checksums() {
    sessions(Server::VersityGw, "&checksum=supported", 300..315).await;
}
