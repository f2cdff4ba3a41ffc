//! A network that loses everything on the connections that are open, without a word, and lets new ones through: as when
//! the machine of a database vanishes and another takes over its address.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use berth_test_servers::Postgres;
use futures_util::future::join_all;
use metadata_postgres::{OpenOptions, PostgresMetadata};
use registry_core::change::Guard;
use registry_core::ports::{ManifestStore as _, Probe as _};
use registry_core::testing::metadata::{by_tag, change, name, push, resolve, tagged};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::Database;

/// A way to a port of this machine.
struct Way {
    port: u16,
    silence: watch::Sender<u64>,
    _relay: JoinSet<()>,
}

impl Way {
    async fn to(upstream: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let silence = watch::Sender::new(0);
        let silenced = silence.clone();
        let mut relay = JoinSet::new();
        relay.spawn(async move {
            let mut ways = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let mut silenced = silenced.subscribe();
                ways.spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", upstream)).await.unwrap();
                    tokio::select! {
                        _ended = copy_bidirectional(&mut client, &mut server) => {}
                        // Both ends stay open, and nothing flows.
                        _silent = silenced.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Self {
            port,
            silence,
            _relay: relay,
        }
    }

    /// Whoever is connected now hears nothing more.
    fn silence(&self) {
        self.silence.send_modify(|times| *times += 1);
    }
}

async fn behind(connections: u32) -> (Database, Way, PostgresMetadata) {
    let server = Postgres::shared().await;
    let way = Way::to(server.port()).await;
    let direct = Database::migrated().await;
    let here = format!(":{}/", server.port());
    let database = Database::at(direct.url.replace(&here, &format!(":{}/", way.port)));
    let options = OpenOptions {
        connections,
        acquire_timeout: Duration::from_secs(5),
        ..database.options()
    };
    let metadata = PostgresMetadata::open(options).await.unwrap();
    (database, way, metadata)
}

/// Requests whose clients went away do not keep others out for as long as their connections are silent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn given_up_requests_keep_no_silent_connections() {
    const CONNECTIONS: usize = 4;
    let (_database, way, metadata) = behind(4).await;
    push(&metadata, tagged("a/b", "{}", &["v1"])).await;
    join_all((0..CONNECTIONS).map(|_| resolve(&metadata, "a/b", "v1"))).await;
    way.silence();
    let (repository, v1) = (name("a/b"), by_tag("v1"));
    let reads = (0..CONNECTIONS / 2).map(|_| async {
        let read = metadata.read_manifest(&repository, &v1);
        let given_up = timeout(Duration::from_millis(100), read).await;
        assert!(given_up.is_err(), "{given_up:?}");
    });
    let change = change();
    let writes = (0..CONNECTIONS / 2).map(|_| async {
        let judged = Guard::new(|_| Ok(()));
        let write = metadata.commit_manifest(&change, judged, tagged("a/b", "two", &["v1"]));
        let given_up = timeout(Duration::from_millis(100), write).await;
        assert!(given_up.is_err(), "{given_up:?}");
    });
    tokio::join!(join_all(reads), join_all(writes));
    let began = Instant::now();
    metadata.probe().await.unwrap();
    assert!(resolve(&metadata, "a/b", "v1").await.is_some());
    assert!(began.elapsed() < Duration::from_secs(4));
    // And nobody waits for them in the end.
    let closed = timeout(Duration::from_secs(5), metadata.close()).await;
    assert!(closed.is_ok());
}

/// Nor do connections that came back just when the silence began.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_come_back_are_not_waited_for() {
    let (_database, way, metadata) = behind(4).await;
    let metadata = Arc::new(metadata);
    push(&*metadata, tagged("a/b", "{}", &["v1"])).await;
    let over = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..8 {
        let (metadata, over) = (Arc::clone(&metadata), Arc::clone(&over));
        readers.spawn(async move {
            let (repository, v1) = (name("a/b"), by_tag("v1"));
            while !over.load(Ordering::SeqCst) {
                let read = metadata.read_manifest(&repository, &v1);
                let _given_up = timeout(Duration::from_millis(100), read).await;
            }
        });
    }
    for _ in 0..3 {
        sleep(Duration::from_millis(300)).await;
        way.silence();
    }
    over.store(true, Ordering::SeqCst);
    while let Some(ended) = readers.join_next().await {
        ended.unwrap();
    }
    let began = Instant::now();
    assert!(resolve(&*metadata, "a/b", "v1").await.is_some());
    assert!(began.elapsed() < Duration::from_secs(4));
}
