//! A blob store that fails when it is told to, around one that works.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use crate::ports::{
    BlobStore, BlobStoreError, BlobWriter, Flush, Leftovers, Location, Part, Published, StorageKey,
    Stored, Timestamp, Unfinished, UploadObject,
};

/// A method of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlobStoreCall {
    /// [`BlobStore::append`]
    Append,
    /// [`BlobWriter::write`]
    Write,
    /// [`BlobWriter::flush`]
    Flush,
    /// [`BlobWriter::close`]
    Close,
    /// [`BlobStore::publish`]
    Publish,
    /// [`BlobStore::put`]
    Put,
    /// [`BlobStore::open`]
    Open,
    /// [`BlobStore::redirect`]
    Redirect,
    /// [`BlobStore::delete`]
    Delete,
    /// [`BlobStore::unfinished`]
    Unfinished,
    /// [`BlobStore::take_back`]
    TakeBack,
    /// [`BlobStore::probe`]
    Probe,
}

/// What is to go wrong with a call.
#[derive(Debug)]
pub enum BlobStoreFault {
    /// Nothing.
    None,
    /// It fails before it did anything.
    Before(BlobStoreError),
    /// It does its work and then fails, as when an answer gets lost.
    After(BlobStoreError),
    /// It never comes to an end, as when the process dies there. Give up waiting for it.
    Hang,
}

type Hook = Box<dyn FnMut() -> BlobStoreFault + Send>;

/// Passes every call on to a store that works, unless a hook says otherwise. Clones share hooks
/// and counts.
#[derive(Clone)]
pub struct FaultyBlobStore {
    store: Arc<dyn BlobStore>,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    hooks: HashMap<BlobStoreCall, Hook>,
    calls: HashMap<BlobStoreCall, u64>,
    unfinished: Vec<Unfinished>,
    taken_back: Vec<Uuid>,
}

impl fmt::Debug for FaultyBlobStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FaultyBlobStore")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl FaultyBlobStore {
    /// A store without faults so far.
    pub fn new(store: Arc<dyn BlobStore>) -> Self {
        Self {
            store,
            plan: Arc::default(),
        }
    }

    /// From now on `hook` decides about each such call.
    pub fn on(&self, call: BlobStoreCall, hook: impl FnMut() -> BlobStoreFault + Send + 'static) {
        self.plan().hooks.insert(call, Box::new(hook));
    }

    /// The next such call has this fault, the ones after it none.
    pub fn once(&self, call: BlobStoreCall, fault: BlobStoreFault) {
        let mut fault = Some(fault);
        self.on(call, move || fault.take().unwrap_or(BlobStoreFault::None));
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        self.plan().hooks.clear();
    }

    /// How many such calls there were, with or without a fault.
    pub fn calls(&self, call: BlobStoreCall) -> u64 {
        self.plan().calls.get(&call).copied().unwrap_or(0)
    }

    /// From now on it says that these sessions left something unfinished, besides what really is.
    pub fn pretend_unfinished(&self, sessions: impl IntoIterator<Item = Uuid>) {
        let one = |session| Unfinished {
            key: StorageKey::of(session),
            id: "pretended".to_owned(),
        };
        self.plan().unfinished = sessions.into_iter().map(one).collect();
    }

    /// The sessions of which something was to be taken back.
    pub fn taken_back(&self) -> Vec<Uuid> {
        self.plan().taken_back.clone()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, call: BlobStoreCall) -> BlobStoreFault {
        let mut plan = self.plan();
        *plan.calls.entry(call).or_default() += 1;
        plan.hooks
            .get_mut(&call)
            .map_or(BlobStoreFault::None, |hook| hook())
    }

    async fn run<T>(
        &self,
        call: BlobStoreCall,
        work: impl Future<Output = Result<T, BlobStoreError>> + Send,
    ) -> Result<T, BlobStoreError> {
        match self.fault(call) {
            BlobStoreFault::None => work.await,
            BlobStoreFault::Before(error) => Err(error),
            BlobStoreFault::After(error) => work.await.and(Err(error)),
            BlobStoreFault::Hang => std::future::pending().await,
        }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl BlobStore for FaultyBlobStore {
    async fn append(
        &self,
        object: &UploadObject,
        length: Option<u64>,
    ) -> Result<Box<dyn BlobWriter>, BlobStoreError> {
        let writer = self
            .run(BlobStoreCall::Append, self.store.append(object, length))
            .await?;
        Ok(Box::new(FaultyBlobWriter {
            writer,
            store: self.clone(),
        }))
    }

    async fn publish(
        &self,
        object: &UploadObject,
        parts: Vec<Part>,
    ) -> Result<Published, BlobStoreError> {
        self.run(BlobStoreCall::Publish, self.store.publish(object, parts))
            .await
    }

    async fn put(
        &self,
        object: &UploadObject,
        bytes: Vec<Bytes>,
        sha256: Option<[u8; 32]>,
    ) -> Result<Published, BlobStoreError> {
        self.run(BlobStoreCall::Put, self.store.put(object, bytes, sha256))
            .await
    }

    async fn open(
        &self,
        key: StorageKey,
        size: u64,
        range: Range<u64>,
    ) -> Result<Location, BlobStoreError> {
        self.run(BlobStoreCall::Open, self.store.open(key, size, range))
            .await
    }

    fn redirect_host(&self) -> Option<&str> {
        self.store.redirect_host()
    }

    async fn redirect(&self, key: StorageKey) -> Result<Option<String>, BlobStoreError> {
        self.run(BlobStoreCall::Redirect, self.store.redirect(key))
            .await
    }

    async fn delete(&self, leftovers: &[Leftovers]) -> Result<Vec<Leftovers>, BlobStoreError> {
        self.run(BlobStoreCall::Delete, self.store.delete(leftovers))
            .await
    }

    async fn unfinished(&self, before: Timestamp) -> Result<Vec<Unfinished>, BlobStoreError> {
        let found = self.store.unfinished(before);
        let mut found = self.run(BlobStoreCall::Unfinished, found).await?;
        found.extend(self.plan().unfinished.iter().cloned());
        Ok(found)
    }

    async fn take_back(&self, unfinished: &[Unfinished]) -> Result<(), BlobStoreError> {
        let sessions = unfinished.iter().map(|one| one.key.session);
        self.plan().taken_back.extend(sessions);
        self.run(BlobStoreCall::TakeBack, self.store.take_back(unfinished))
            .await
    }

    async fn probe(&self) -> Result<(), BlobStoreError> {
        self.run(BlobStoreCall::Probe, self.store.probe()).await
    }
}

#[derive(Debug)]
struct FaultyBlobWriter {
    writer: Box<dyn BlobWriter>,
    store: FaultyBlobStore,
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl BlobWriter for FaultyBlobWriter {
    fn flush_at(&self) -> u64 {
        self.writer.flush_at()
    }

    async fn write(&mut self, batch: Vec<Bytes>) -> Result<(), BlobStoreError> {
        self.store
            .run(BlobStoreCall::Write, self.writer.write(batch))
            .await
    }

    fn flush(&mut self) -> Flush {
        let (store, flush) = (self.store.clone(), self.writer.flush());
        Box::pin(async move { store.run(BlobStoreCall::Flush, flush).await })
    }

    async fn close(&mut self, more: bool) -> Result<Stored, BlobStoreError> {
        self.store
            .run(BlobStoreCall::Close, self.writer.close(more))
            .await
    }

    async fn abandon(&mut self) {
        self.writer.abandon().await;
    }
}
