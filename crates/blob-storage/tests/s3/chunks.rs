//! Objects that come in chunks, each with a request of its own and a holder of its own.

use registry_core::ports::BlobStore;

use crate::session::{KIB, MIB, Session, pattern, read};
use crate::store::{Server, TestStore};

/// What was sent and read.
struct Spent {
    puts: u64,
    gets: u64,
    parts: u64,
}

impl Spent {
    fn of(pods: &[TestStore]) -> Self {
        let count = |operation: &str| {
            let requests = pods.iter().map(TestStore::requests);
            requests
                .filter_map(|counts| counts.get(operation).copied())
                .sum()
        };
        Self {
            puts: count("PutObject"),
            gets: count("GetObject"),
            parts: count("UploadPart"),
        }
    }
}

/// Sends an object chunk by chunk, to two pods in turn, and sees that it is right.
async fn send(server: Server, parameters: &str, chunk: usize, count: usize) -> Spent {
    let store = TestStore::with(server, parameters).await;
    let pods = [store.again().await, store.again().await];
    let before = Spent::of(&pods);
    let (bytes, mut session) = (pattern(7, chunk * count), Session::new());
    for number in 0..count {
        let part = bytes.slice(number * chunk..(number + 1) * chunk);
        session.append(&*pods[number % 2].blobs, &part, true).await;
        assert!(session.object.state.len() < 70 * KIB);
    }
    let after = Spent::of(&pods);
    let published = session.assert_publishes(&*store.blobs, &bytes).await;

    // Nothing of it is needed any more but the object.
    let left = session.leftovers(Some(published.key.fence));
    assert_eq!(
        store
            .blobs
            .delete(std::slice::from_ref(&left))
            .await
            .unwrap(),
        [left]
    );
    assert!(read(&*store.blobs, published.key, bytes.len()).await == bytes);
    Spent {
        puts: after.puts - before.puts,
        gets: after.gets - before.gets,
        parts: after.parts - before.parts,
    }
}

#[tokio::test]
async fn a_kib_at_a_time() {
    let spent = send(Server::SeaweedFs, "", KIB, 200).await;
    // Remembered, until there are more than 64 KiB of them.
    assert!(spent.puts <= 200 / 64 + 1, "{}", spent.puts);
    assert_eq!(spent.parts, 0);
}

#[tokio::test]
async fn a_hundred_kib_at_a_time() {
    for server in [Server::SeaweedFs, Server::VersityGw] {
        let spent = send(server, "", 100 * KIB, 120).await;
        assert!(spent.puts <= 120, "{}", spent.puts);
        // One piece is read again each time, and all of them when they become a part.
        assert!(spent.gets <= 120 + 2 * 12, "{}", spent.gets);
        assert!(spent.parts >= 1);
    }
}

#[tokio::test]
async fn a_mib_at_a_time() {
    let spent = send(Server::VersityGw, "", MIB, 20).await;
    assert!(spent.puts <= 20, "{}", spent.puts);
    // Each piece once.
    assert!(spent.gets <= 20, "{}", spent.gets);
}

#[tokio::test]
async fn five_mib_at_a_time() {
    for server in [Server::SeaweedFs, Server::VersityGw] {
        let spent = send(server, "", 5 * MIB, 6).await;
        // The first could have been all there is, the second makes a part and some more. From then
        // on each is a part.
        assert_eq!((spent.puts, spent.gets, spent.parts), (2, 2, 5));
    }
}

#[tokio::test]
async fn chunks_where_all_parts_have_one_size() {
    let spent = send(
        Server::SeaweedFs,
        "&uniform_parts=true&part_size=5MiB",
        3 * MIB,
        9,
    )
    .await;
    assert_eq!(spent.parts, 5);
}
