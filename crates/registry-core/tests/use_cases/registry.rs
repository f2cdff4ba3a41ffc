//! A registry on a temporary directory, and the processes that come and go on it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use metadata_sqlite::{OpenError, OpenOptions, SqliteMetadata};
use oci_types::{Algorithm, Digest, RepositoryName};
use registry_core::access::{AnonymousAccess, Caller, DeleteAccess, PullAccess, PushAccess};
use registry_core::jobs;
use registry_core::ports::{Lifetimes, Location, MissingReferences, StorageKey, UploadId};
use registry_core::testing::TestClock;
use registry_core::testing::blob_store::{BlobStoreCall, BlobStoreFault, FaultyBlobStore};
use registry_core::{
    BlobDelivery, Chunk, OpenUpload, Registry, RegistryError, Settings, UploadOpened,
};
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::bodies::{anywhere, sha256, whole};

pub(crate) const SETTINGS: Settings = Settings {
    anonymous: AnonymousAccess::Push,
    missing_references: MissingReferences::Refuse,
    max_manifest_bytes: 4 * 1024 * 1024,
    max_blob_bytes: None,
};

/// What outlives a process: the files, and time.
pub(crate) struct Machine {
    directory: TempDir,
    clock: Arc<TestClock>,
}

impl Machine {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            directory: tempfile::tempdir().unwrap(),
            clock: Arc::default(),
        })
    }

    /// Runs a registry until `work` is over, and then kills it with whatever it has under way:
    /// its tasks go no step further, and all it held in memory is gone.
    pub(crate) fn run<T>(self: &Arc<Self>, work: impl AsyncFnOnce(TestRegistry) -> T) -> T {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { work(self.start(SETTINGS).await).await })
    }

    async fn start(self: &Arc<Self>, settings: Settings) -> TestRegistry {
        let metrics = prometheus::Registry::new();
        let metadata = Arc::new(self.open_metadata(&metrics).await);
        let blobs = blob_storage::open_directory(&self.storage(), &metrics).await;
        let blobs = FaultyBlobStore::new(blobs.unwrap());
        let registry = Registry::new(metadata, Arc::new(blobs.clone()), settings);
        TestRegistry {
            registry,
            blobs,
            machine: Arc::clone(self),
        }
    }

    async fn open_metadata(&self, metrics: &prometheus::Registry) -> SqliteMetadata {
        let database = self.directory.path().join("metadata.db");
        let options = OpenOptions::new(database, self.clock.clone(), metrics.clone());
        loop {
            match SqliteMetadata::open(options.clone()).await {
                Ok(metadata) => return metadata,
                // The threads of one that was killed end a moment after it.
                Err(OpenError::InUse { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn storage(&self) -> PathBuf {
        self.directory.path().join("storage")
    }
}

/// A registry, its stores, and one repository that most tests use.
pub(crate) struct TestRegistry {
    pub(crate) registry: Registry,
    pub(crate) blobs: FaultyBlobStore,
    machine: Arc<Machine>,
}

impl TestRegistry {
    pub(crate) async fn new() -> Self {
        Self::with(SETTINGS).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Machine::new().start(settings).await
    }

    pub(crate) fn clock(&self) -> &TestClock {
        &self.machine.clock
    }

    pub(crate) fn push(&self) -> PushAccess {
        self.push_to("team/app")
    }

    pub(crate) fn push_to(&self, repository: &str) -> PushAccess {
        self.caller().push_access(&name(repository)).unwrap()
    }

    pub(crate) fn pull(&self) -> PullAccess {
        self.pull_from("team/app")
    }

    pub(crate) fn pull_from(&self, repository: &str) -> PullAccess {
        self.caller().pull_access(&name(repository)).unwrap()
    }

    pub(crate) fn delete(&self) -> DeleteAccess {
        self.caller().delete_access(&name("team/app")).unwrap()
    }

    fn caller(&self) -> Caller {
        self.registry.anonymous(Arc::from("request"), None)
    }

    /// Opens a session that is hashed with SHA-256.
    pub(crate) async fn session(&self) -> UploadId {
        let request = OpenUpload::Session(Algorithm::Sha256);
        match self.registry.open_upload(&self.push(), request).await {
            Ok(UploadOpened::Session(id)) => id,
            other => panic!("no session: {other:?}"),
        }
    }

    /// A session in which these bytes are recorded.
    pub(crate) async fn session_with(&self, content: &Bytes) -> UploadId {
        let id = self.session().await;
        let chunk = anywhere(whole(content));
        assert_eq!(self.append(id, chunk).await.unwrap(), content.len() as u64);
        id
    }

    pub(crate) async fn append(&self, id: UploadId, chunk: Chunk) -> Result<u64, RegistryError> {
        self.registry.append_upload(&self.push(), id, chunk).await
    }

    pub(crate) async fn progress(&self, id: UploadId) -> Result<u64, RegistryError> {
        self.registry.upload_progress(&self.push(), id).await
    }

    pub(crate) async fn finish(
        &self,
        id: UploadId,
        digest: Digest,
        chunk: Chunk,
    ) -> Result<(), RegistryError> {
        let access = self.push();
        self.registry
            .finish_upload(&access, id, digest, chunk)
            .await
    }

    /// Ends a session with a PUT that has no body.
    pub(crate) async fn close(&self, id: UploadId, digest: Digest) -> Result<(), RegistryError> {
        self.finish(id, digest, anywhere(whole(&Bytes::new())))
            .await
    }

    /// Ends a session with a PUT that has no body, after which the blob is this content.
    pub(crate) async fn close_as(&self, id: UploadId, content: &[u8]) {
        let digest = sha256(content);
        self.close(id, digest).await.unwrap();
        assert!(self.read(&digest).await.unwrap() == content);
    }

    pub(crate) async fn cancel(&self, id: UploadId) -> Result<(), RegistryError> {
        self.registry.cancel_upload(&self.push(), id).await
    }

    /// Pushes a blob in one request.
    pub(crate) async fn store(
        &self,
        repository: &str,
        content: &Bytes,
    ) -> Result<Digest, RegistryError> {
        let digest = sha256(content);
        let request = OpenUpload::Whole(digest, whole(content));
        let access = self.push_to(repository);
        let opened = self.registry.open_upload(&access, request).await?;
        assert_eq!(opened, UploadOpened::Stored(digest));
        Ok(digest)
    }

    /// The whole content of a blob.
    pub(crate) async fn read(&self, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        self.read_from("team/app", digest).await
    }

    pub(crate) async fn read_from(
        &self,
        repository: &str,
        digest: &Digest,
    ) -> Result<Vec<u8>, RegistryError> {
        let access = self.pull_from(repository);
        let blob = self.registry.find_blob(&access, digest).await?;
        let delivery = self
            .registry
            .deliver_blob(&access, &blob, 0..blob.size, true)
            .await?;
        Ok(read_file(&delivery))
    }

    /// Makes a request until it comes to this call of the blob store, which never ends.
    pub(crate) async fn hang_at<T: fmt::Debug>(
        &self,
        call: BlobStoreCall,
        request: impl Future<Output = T>,
    ) {
        let reached = self.watch(call, || BlobStoreFault::Hang);
        tokio::select! {
            outcome = request => panic!("the request came to an end: {outcome:?}"),
            () = reached.notified() => {}
        }
    }

    /// Tells when such a call is made.
    pub(crate) fn watch(
        &self,
        call: BlobStoreCall,
        fault: impl Fn() -> BlobStoreFault + Send + 'static,
    ) -> Arc<Notify> {
        let reached = Arc::new(Notify::new());
        let notify = Arc::clone(&reached);
        self.blobs.on(call, move || {
            notify.notify_one();
            fault()
        });
        reached
    }

    /// Runs every background job until nothing is left to do.
    pub(crate) async fn run_jobs(&self) {
        jobs::run_once(&self.registry, &CancellationToken::new()).await;
    }

    /// Lets tombstones become due and runs every job.
    pub(crate) async fn sweep(&self) {
        self.clock().advance(lifetimes().tombstone_delay);
        self.run_jobs().await;
    }

    /// The names and lengths of the files of sessions.
    pub(crate) fn unpublished(&self) -> BTreeMap<String, u64> {
        files(&self.machine.storage().join("uploads"))
    }

    /// The names and lengths of the files of blobs.
    pub(crate) fn published(&self) -> BTreeMap<String, u64> {
        let blobs = self.machine.storage().join("blobs");
        let directories = std::fs::read_dir(blobs).unwrap();
        directories
            .flat_map(|directory| files(&directory.unwrap().path()))
            .collect()
    }

    /// Loses the file of a blob, as a disk may.
    pub(crate) fn remove_published(&self, key: StorageKey) {
        let (name, blobs) = (
            key.session.to_string(),
            self.machine.storage().join("blobs"),
        );
        std::fs::remove_file(blobs.join(&name[34..]).join(&name)).unwrap();
    }

    /// Nothing is stored that a blob or a session does not need.
    #[track_caller]
    pub(crate) fn assert_stored(&self, unpublished: &[usize], published: &[usize]) {
        assert_eq!(lengths(&self.unpublished()), unpublished, "unpublished");
        assert_eq!(lengths(&self.published()), published, "published");
    }
}

pub(crate) fn lifetimes() -> Lifetimes {
    Lifetimes::default()
}

pub(crate) fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

pub(crate) fn read_file(delivery: &BlobDelivery) -> Vec<u8> {
    match delivery {
        BlobDelivery::Bytes(Location::File(part)) => {
            let mut bytes = vec![0; usize::try_from(part.length).unwrap()];
            part.file.read_exact_at(&mut bytes, part.offset).unwrap();
            bytes
        }
        other => panic!("a directory gives files, not {other:?}"),
    }
}

fn files(directory: &Path) -> BTreeMap<String, u64> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            let length = entry.metadata().unwrap().len();
            (entry.file_name().into_string().unwrap(), length)
        })
        .collect()
}

/// In ascending order.
fn lengths(files: &BTreeMap<String, u64>) -> Vec<usize> {
    let mut lengths: Vec<usize> = files
        .values()
        .map(|&length| usize::try_from(length).unwrap())
        .collect();
    lengths.sort_unstable();
    lengths
}
