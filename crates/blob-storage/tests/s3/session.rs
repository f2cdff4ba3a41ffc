//! An upload session, with what its row would remember.

use bytes::Bytes;
use futures_util::StreamExt;
use registry_core::ports::{
    BlobStore, BlobStoreError, BlobWriter, Leftovers, Location, Part, Published, StorageKey,
    Stored, UploadObject,
};
use uuid::Uuid;

pub(crate) const KIB: usize = 1024;
pub(crate) const MIB: usize = 1024 * 1024;

/// Bytes that differ from place to place and from seed to seed.
pub(crate) fn pattern(seed: u8, length: usize) -> Bytes {
    let period: Vec<u8> = (0..=250).map(|byte: u8| byte.wrapping_add(seed)).collect();
    let mut bytes = period.repeat(length / period.len() + 1);
    bytes.truncate(length);
    bytes.into()
}

/// An upload session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) object: UploadObject,
    pub(crate) parts: Vec<Part>,
    /// What the store said last of whether there is something left to do.
    pub(crate) in_place: bool,
}

impl Session {
    /// With its first holder.
    pub(crate) fn new() -> Self {
        Self {
            object: UploadObject::new(StorageKey {
                session: Uuid::now_v7(),
                fence: 1,
            }),
            parts: Vec::new(),
            in_place: false,
        }
    }

    /// What the next holder finds.
    pub(crate) fn taken_over(&self) -> Self {
        let mut next = self.clone();
        next.object.key.fence += 1;
        next
    }

    pub(crate) async fn writer(&self, blobs: &dyn BlobStore) -> Box<dyn BlobWriter> {
        blobs.append(&self.object, None).await.unwrap()
    }

    /// Records what the store said of the bytes up to `committed`.
    pub(crate) fn record(&mut self, committed: usize, stored: Stored) {
        if stored.anew {
            self.parts.clear();
        }
        self.parts.extend(stored.parts);
        self.object.committed = committed as u64;
        self.object.state = stored.state;
        self.in_place = stored.in_place;
    }

    /// Appends as one request does that says how long it is. The next holder comes.
    pub(crate) async fn append(&mut self, blobs: &dyn BlobStore, bytes: &Bytes, more: bool) {
        self.append_as(blobs, bytes, Some(bytes.len() as u64), more)
            .await;
    }

    /// Appends as one request does that does not say how long it is. The next holder comes.
    pub(crate) async fn stream(&mut self, blobs: &dyn BlobStore, bytes: &Bytes, more: bool) {
        self.append_as(blobs, bytes, None, more).await;
    }

    async fn append_as(
        &mut self,
        blobs: &dyn BlobStore,
        bytes: &Bytes,
        length: Option<u64>,
        more: bool,
    ) {
        let mut writer = blobs.append(&self.object, length).await.unwrap();
        let committed = usize::try_from(self.object.committed).unwrap();
        write(&mut writer, bytes).await.unwrap();
        let stored = writer.close(more).await.unwrap();
        self.record(committed + bytes.len(), stored);
        self.object.key.fence += 1;
    }

    /// Appends and dies before anything is recorded. The next holder comes.
    pub(crate) async fn lose(&mut self, blobs: &dyn BlobStore, bytes: &Bytes, more: bool) {
        self.clone().stream(blobs, bytes, more).await;
        self.object.key.fence += 1;
    }

    pub(crate) async fn publish(&self, blobs: &dyn BlobStore) -> Result<Published, BlobStoreError> {
        blobs.publish(&self.object, self.parts.clone()).await
    }

    /// Publishes, and sees whether it has these bytes.
    pub(crate) async fn assert_publishes(&self, blobs: &dyn BlobStore, bytes: &[u8]) -> Published {
        let published = self.publish(blobs).await.unwrap();
        assert!(read(blobs, published.key, bytes.len()).await == bytes);
        published
    }

    /// What is to be deleted when it has ended.
    pub(crate) fn leftovers(&self, keep: Option<u64>) -> Leftovers {
        Leftovers {
            key: self.object.key,
            keep,
            state: self.object.state.clone(),
        }
    }
}

/// Writes in batches, as they come from a connection.
pub(crate) async fn write(
    writer: &mut Box<dyn BlobWriter>,
    bytes: &Bytes,
) -> Result<(), BlobStoreError> {
    for start in (0..bytes.len()).step_by(256 * KIB) {
        let batch = bytes.slice(start..bytes.len().min(start + 256 * KIB));
        writer.write(vec![batch]).await?;
    }
    Ok(())
}

/// Reads an object whole.
pub(crate) async fn read(blobs: &dyn BlobStore, key: StorageKey, size: usize) -> Vec<u8> {
    let size = size as u64;
    let Location::Stream(stream) = blobs.open(key, size, 0..size).await.unwrap() else {
        panic!("a stream");
    };
    let slices: Vec<Bytes> = stream.map(Result::unwrap).collect().await;
    slices.concat()
}

/// Whether the object with this key is there.
pub(crate) async fn is_there(blobs: &dyn BlobStore, key: StorageKey, size: usize) -> bool {
    match blobs.open(key, size as u64, 0..0).await {
        Ok(_) => true,
        Err(BlobStoreError::Lost(_)) => false,
        Err(error) => panic!("{error:?}"),
    }
}

#[track_caller]
pub(crate) fn assert_lost<T: std::fmt::Debug>(result: &Result<T, BlobStoreError>) {
    assert!(matches!(result, Err(BlobStoreError::Lost(_))), "{result:?}");
}
