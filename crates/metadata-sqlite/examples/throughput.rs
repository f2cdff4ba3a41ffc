//! What the engine does in a second, and what each operation costs. Run it in release:
//! `cargo run --release -p metadata-sqlite --example throughput [DIRECTORY [ONLY]]`, where ONLY is
//! a part of the name of a measurement.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a program to measure with"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use metadata_sqlite::{OpenOptions, SqliteMetadata};
use oci_types::{Algorithm, Digest, Reference, RepositoryName};
use registry_core::change::{Actor, Change, Guard};
use registry_core::ports::{
    BlobKind, BlobReference, Clock, FinishedUpload, Lease, ManifestStore as _, MissingReferences,
    NewManifest, NewUpload, Published, StorageKey, Timestamp, UploadId, UploadStart,
    UploadStore as _,
};
use uuid::Uuid;

const SECONDS: Duration = Duration::from_secs(3);
const MANIFESTS: usize = 3_000;

#[derive(Debug)]
struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_750_000_000_000)
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let directory =
        tempfile::tempdir_in(std::env::args().nth(1).unwrap_or_else(|| ".".into())).unwrap();
    let cached = open(directory.path(), 64 << 20).await;
    fill(&cached).await;
    for tasks in [1, 8, 32] {
        measure("tag PUT, new manifest", tasks, |task, round| {
            put(&cached, task, round, 1)
        })
        .await;
    }
    for tasks in [1, 8, 32] {
        measure("tag PUT, known manifest", tasks, |task, round| {
            put(&cached, task, round % 50, 1)
        })
        .await;
    }
    measure("manifest PUT with 100 layers", 8, |task, round| {
        put(&cached, task, round, 100)
    })
    .await;
    for tasks in [1, 8] {
        measure("small blob push", tasks, |task, round| {
            push_blob(&cached, task, round)
        })
        .await;
    }
    for tasks in [1, 8] {
        measure("manifest GET, warm", tasks, |task, round| {
            get(&cached, (task + round) % 100)
        })
        .await;
    }
    cached.close().await;
    let uncached = open(directory.path(), 0).await;
    for tasks in [1, 8] {
        measure("manifest GET, cold", tasks, |task, round| {
            get(&uncached, (task * 997 + round) % MANIFESTS)
        })
        .await;
    }
    uncached.close().await;
}

async fn open(directory: &Path, cache_bytes: usize) -> SqliteMetadata {
    let path = directory.join("metadata.db");
    let options = OpenOptions {
        cache_bytes,
        ..OpenOptions::new(path, Arc::new(FixedClock), prometheus::Registry::new())
    };
    loop {
        match SqliteMetadata::open(options.clone()).await {
            Ok(metadata) => return metadata,
            Err(metadata_sqlite::OpenError::InUse { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Runs an operation in several tasks at once and prints its rate and its cost in CPU.
async fn measure<F>(what: &str, tasks: usize, operation: impl Fn(usize, usize) -> F + Send + Sync)
where
    F: Future<Output = ()> + Send,
{
    if !what.contains(&std::env::args().nth(2).unwrap_or_default()) {
        return;
    }
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let rounds = join_all((0..tasks).map(|task| {
        let operation = &operation;
        async move {
            let mut round = 0;
            let mut slowest = Duration::ZERO;
            while began.elapsed() < SECONDS {
                let one = Instant::now();
                operation(task, round).await;
                slowest = slowest.max(one.elapsed());
                round += 1;
            }
            (round, slowest)
        }
    }))
    .await;
    let count = rounds.iter().map(|(round, _)| round).sum::<usize>() as f64;
    let slowest = rounds.iter().map(|(_, slowest)| *slowest).max().unwrap();
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!(
        "{what:32} {tasks:3} tasks {:9.0}/s {:8.1} us CPU each, slowest {:.1} ms",
        count / seconds,
        cpu * 1e6 / count,
        slowest.as_secs_f64() * 1e3,
    );
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn repository() -> RepositoryName {
    "library/busybox".parse().unwrap()
}

fn change() -> Change {
    Change {
        actor: Actor::Anonymous,
        request_id: "measure".into(),
        origin: None,
        dry_run: false,
    }
}

fn digest_of(text: &str) -> Digest {
    blob_hash::digest(Algorithm::Sha256, text.as_bytes())
}

fn layer(number: usize) -> String {
    format!("layer {number}")
}

fn manifest(payload: String, layers: usize, tag: &str) -> NewManifest {
    let reference = |number| BlobReference {
        digest: digest_of(&layer(number)),
        size: layer(number).len() as u64,
        kind: BlobKind::Layer,
    };
    NewManifest {
        repository: repository(),
        digest: digest_of(&payload),
        media_type: "application/vnd.oci.image.manifest.v1+json"
            .parse()
            .unwrap(),
        payload: payload.into(),
        artifact_type: None,
        annotations: BTreeMap::new(),
        subject: None,
        references: (0..layers).map(reference).collect(),
        tags: vec![tag.parse().unwrap()],
        missing_references: MissingReferences::Refuse,
        pushed_at: None,
    }
}

async fn commit(metadata: &SqliteMetadata, manifest: NewManifest) {
    metadata
        .commit_manifest(&change(), Guard::open(), manifest)
        .await
        .unwrap();
}

async fn store(metadata: &SqliteMetadata, content: &str) {
    let (digest, size) = (digest_of(content), content.len() as u64);
    let (id, object) = (UploadId(Uuid::new_v4()), Uuid::now_v7());
    let upload = NewUpload {
        id,
        repository: repository(),
        algorithm: Algorithm::Sha256,
        object,
        start: UploadStart::Finalizing { digest, size },
    };
    metadata.create_upload(&change(), upload).await.unwrap();
    let finished = FinishedUpload {
        lease: Lease { id, fence: 1 },
        digest,
        size,
        published: Published {
            key: StorageKey::of(object),
            leftovers: false,
        },
    };
    metadata
        .finalize_upload(&change(), Guard::open(), finished)
        .await
        .unwrap();
}

async fn fill(metadata: &SqliteMetadata) {
    join_all((0..100).map(|number| async move { store(metadata, &layer(number)).await })).await;
    join_all((0..MANIFESTS).map(|number| async move {
        let payload = format!("{number:2000}");
        commit(metadata, manifest(payload, 3, &format!("v{number}"))).await;
    }))
    .await;
}

async fn put(metadata: &SqliteMetadata, task: usize, round: usize, layers: usize) {
    let payload = format!("{task:1000}{round:1000}{layers:10}");
    commit(
        metadata,
        manifest(
            payload,
            layers,
            &format!("t{}", task * 1_000 + round % 1_000),
        ),
    )
    .await;
}

async fn push_blob(metadata: &SqliteMetadata, task: usize, round: usize) {
    store(metadata, &format!("blob {task} {round}")).await;
}

async fn get(metadata: &SqliteMetadata, number: usize) {
    let reference = Reference::Tag(format!("v{number}").parse().unwrap());
    metadata
        .read_manifest(&repository(), &reference)
        .await
        .unwrap();
    // A look-up from memory never waits; the other tasks must get their turn.
    tokio::task::yield_now().await;
}
