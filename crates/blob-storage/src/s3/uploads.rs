//! The parts of one upload on their way, and which of them are stored.
//!
//! The upload is begun with its first part. Parts end in any order; what is told of them is in order
//! and told once. They are sent by tasks of their own, which end with the last of those who wait for
//! them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use registry_core::ports::{BlobStoreError, Part, StorageKey, Stored};
use tokio::sync::{OnceCell, watch};
use tokio::task::JoinSet;

use super::bucket::Bucket;
use super::budget::PartRoom;
use super::client::Target;
use super::error::failed;
use super::lead::Lead;
use super::state::{Parts, State, Upload};

/// The parts of one upload.
#[derive(Debug)]
pub(super) struct PartUploads {
    ledger: Arc<Ledger>,
    tasks: Mutex<JoinSet<()>>,
}

/// What is known of an upload.
#[derive(Debug)]
struct Ledger {
    bucket: Arc<Bucket>,
    /// Whose upload it is: the key of the object it will be.
    key: StorageKey,
    target: OnceCell<Target>,
    progress: Mutex<Progress>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Progress {
    /// Whether there is an upload, or a part on its way that begins it.
    begun: bool,
    /// Whether what was told names the upload.
    recorded: bool,
    /// Parts that are stored and not told of.
    stored: BTreeMap<u32, Part>,
    /// All parts that are told of.
    told: Parts,
    /// Whether parts that others know of are void.
    anew: bool,
    health: Health,
}

/// Whether all parts were stored so far.
#[derive(Debug, Default)]
enum Health {
    #[default]
    Well,
    /// And why not, until somebody hears of it.
    Failed(Option<BlobStoreError>),
}

/// What is to be told besides the parts.
#[derive(Debug)]
pub(super) struct Draft {
    /// Everything but the upload.
    pub(super) state: State,
    /// The size of parts, where all have one.
    pub(super) part_size: u64,
    /// Whether no part may follow.
    pub(super) closed: bool,
}

impl PartUploads {
    /// An upload that goes on, or that is yet to begin.
    pub(super) fn new(bucket: &Arc<Bucket>, key: StorageKey, upload: Option<&Upload>) -> Self {
        let mut ledger = Ledger {
            bucket: Arc::clone(bucket),
            key,
            target: OnceCell::new(),
            progress: Mutex::default(),
            changed: watch::Sender::new(()),
        };
        if let Some(upload) = upload {
            ledger.key.fence = upload.fence;
            let target = upload.target(&bucket.keys, key.session);
            ledger.target = OnceCell::new_with(Some(target));
            ledger.progress = Mutex::new(Progress {
                begun: true,
                recorded: true,
                told: upload.parts.clone(),
                ..Progress::default()
            });
        }
        Self {
            ledger: Arc::new(ledger),
            tasks: Mutex::default(),
        }
    }

    /// An upload that takes the place of one whose parts are recorded.
    pub(super) fn anew(bucket: &Arc<Bucket>, key: StorageKey) -> Self {
        let uploads = Self::new(bucket, key, None);
        uploads.ledger.progress().anew = true;
        uploads
    }

    /// Whether there is an upload in parts, or will be.
    pub(super) fn begun(&self) -> bool {
        self.ledger.progress().begun
    }

    /// The upload, begun if need be.
    pub(super) async fn target(&self) -> Result<&Target, BlobStoreError> {
        self.ledger.progress().begun = true;
        self.ledger.target().await
    }

    /// Sends a part.
    pub(super) fn send(&self, number: u32, lead: Lead, came_in: Vec<Bytes>, room: PartRoom) {
        self.ledger.progress().begun = true;
        let promise = Promise::new(&self.ledger);
        let ledger = Arc::clone(&self.ledger);
        let work = async move {
            let sent = ledger.send(number, lead, came_in).await;
            // All of its bytes are gone by now.
            drop(room);
            promise.keep(sent);
        };
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(work, &self.ledger.bucket.runtime);
    }

    /// A part that is stored.
    pub(super) fn add(&self, part: Part) {
        self.ledger.settle(Ok(part));
    }

    /// Whether all is well so far.
    pub(super) fn check(&self) -> Result<(), BlobStoreError> {
        self.ledger.progress().check()
    }

    /// Waits for all parts before this number, and tells those that nobody was told of.
    pub(super) async fn collect(&self, end: u32, draft: Draft) -> Result<Stored, BlobStoreError> {
        let mut changes = self.ledger.changed.subscribe();
        let (parts, told, anew) = loop {
            if let Some(collected) = self.ledger.progress().collect(end) {
                break collected?;
            }
            changes.changed().await.map_err(failed)?;
        };
        let mut state = draft.state;
        state.upload = self.ledger.target.get().map(|target| Upload {
            fence: self.ledger.key.fence,
            id: target.id.clone(),
            part_size: draft.part_size,
            checksums: target.checksums,
            parts: told,
            closed: draft.closed,
        });
        Ok(Stored {
            state: state.encode()?,
            parts,
            anew,
            in_place: false,
        })
    }

    /// Stops what is on its way, and takes back the upload if nobody was told of it.
    pub(super) async fn give_up(&self) {
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        tasks.shutdown().await;
        let recorded = self.ledger.progress().recorded;
        if let Some(target) = self.ledger.target.get().filter(|_| !recorded)
            && let Err(error) = self.ledger.bucket.client.abort(target).await
        {
            // What is left is found by the search for unfinished uploads.
            tracing::debug!(%error, "abort upload in parts");
        }
    }
}

impl Ledger {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        lock(&self.progress)
    }

    async fn target(&self) -> Result<&Target, BlobStoreError> {
        let mut client = self.bucket.client.clone();
        if self.progress().anew {
            client = client.without_checksums();
        }
        let create = || client.create_upload(self.bucket.keys.object(self.key));
        Ok(self.target.get_or_try_init(create).await?)
    }

    async fn send(
        &self,
        number: u32,
        lead: Lead,
        came_in: Vec<Bytes>,
    ) -> Result<Part, BlobStoreError> {
        let target = self.target().await?;
        let slices = lead.before(&self.bucket, came_in).await?;
        let sent = self.bucket.client.upload_part(target, number, slices).await;
        sent.map_err(|error| error.or_lost(self.key))
    }

    fn settle(&self, sent: Result<Part, BlobStoreError>) {
        let mut progress = self.progress();
        match sent {
            Ok(part) => {
                progress.stored.insert(part.number, part);
            }
            Err(error) => {
                if let Health::Well = progress.health {
                    progress.health = Health::Failed(Some(error));
                }
            }
        }
        drop(progress);
        self.changed.send_replace(());
    }
}

/// Parts, all that are told of with them, and whether those before are void.
type Collected = (Vec<Part>, Parts, bool);

impl Progress {
    fn check(&mut self) -> Result<(), BlobStoreError> {
        match &mut self.health {
            Health::Well => Ok(()),
            Health::Failed(why) => Err(why
                .take()
                .unwrap_or_else(|| failed("an earlier part of this upload was not stored"))),
        }
    }

    /// Nothing while some are on their way.
    fn collect(&mut self, end: u32) -> Option<Result<Collected, BlobStoreError>> {
        if let Err(error) = self.check() {
            return Some(Err(error));
        }
        let first = self.told.count + 1;
        if self.stored.range(first..end.max(first)).count() < end.saturating_sub(first) as usize {
            return None;
        }
        let rest = self.stored.split_off(&end.max(first));
        let parts: Vec<Part> = std::mem::replace(&mut self.stored, rest)
            .into_values()
            .collect();
        for part in &parts {
            self.told.push(part);
        }
        self.recorded |= self.begun;
        let anew = std::mem::take(&mut self.anew);
        Some(Ok((parts, self.told.clone(), anew)))
    }
}

/// Sees to it that nobody waits for a part whose task is gone.
struct Promise(Option<Arc<Ledger>>);

impl Promise {
    fn new(ledger: &Arc<Ledger>) -> Self {
        Self(Some(Arc::clone(ledger)))
    }

    fn keep(mut self, sent: Result<Part, BlobStoreError>) {
        if let Some(ledger) = self.0.take() {
            ledger.settle(sent);
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(ledger) = self.0.take() {
            ledger.settle(Err(failed("sending a part was given up")));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
