//! A blob store that fails when it is told to, around one that works.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::ports::{
    BlobStore, BlobStoreError, BlobWriter, ByteStream, Flush, Location, StorageKey,
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
    /// [`BlobStore::read_unpublished`]
    ReadUnpublished,
    /// [`BlobStore::publish`]
    Publish,
    /// [`BlobStore::put`]
    Put,
    /// [`BlobStore::open`]
    Open,
    /// [`BlobStore::delete`]
    Delete,
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
        key: StorageKey,
        committed: u64,
    ) -> Result<Box<dyn BlobWriter>, BlobStoreError> {
        let writer = self
            .run(BlobStoreCall::Append, self.store.append(key, committed))
            .await?;
        Ok(Box::new(FaultyBlobWriter {
            writer,
            store: self.clone(),
        }))
    }

    async fn read_unpublished(
        &self,
        key: StorageKey,
        length: u64,
    ) -> Result<ByteStream, BlobStoreError> {
        let work = self.store.read_unpublished(key, length);
        self.run(BlobStoreCall::ReadUnpublished, work).await
    }

    async fn publish(&self, key: StorageKey, size: u64) -> Result<(), BlobStoreError> {
        self.run(BlobStoreCall::Publish, self.store.publish(key, size))
            .await
    }

    async fn put(&self, key: StorageKey, bytes: Vec<Bytes>) -> Result<(), BlobStoreError> {
        self.run(BlobStoreCall::Put, self.store.put(key, bytes))
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

    async fn delete(&self, keys: &[StorageKey]) -> Result<Vec<StorageKey>, BlobStoreError> {
        self.run(BlobStoreCall::Delete, self.store.delete(keys))
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
    async fn write(&mut self, batch: Vec<Bytes>) -> Result<(), BlobStoreError> {
        self.store
            .run(BlobStoreCall::Write, self.writer.write(batch))
            .await
    }

    fn flush(&self) -> Flush {
        let (store, flush) = (self.store.clone(), self.writer.flush());
        Box::pin(async move { store.run(BlobStoreCall::Flush, flush).await })
    }
}
