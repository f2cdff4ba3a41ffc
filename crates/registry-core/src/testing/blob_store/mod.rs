//! What every blob store must do, one public function a case, and a store that fails on purpose.
//!
//! An implementation runs them all with [`blob_store_contract!`](crate::blob_store_contract). The
//! cases know the port only: nothing of files, keys' paths or metrics.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a case fails by panicking"
)]

mod faulty;
mod published;
mod sessions;

use std::ops::Range;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use futures_util::StreamExt;
use uuid::Uuid;

use crate::ports::{
    BlobStore, BlobStoreError, BlobWriter, ByteStream, Location, Part, Published, StorageKey,
    Stored, UploadObject,
};

pub use faulty::{BlobStoreCall, BlobStoreFault, FaultyBlobStore};
pub use published::*;
pub use sessions::*;

/// Makes a named test of every case. `$open` is an async function that gives a fresh store as an
/// `Arc<dyn BlobStore>`, and whatever must live as long.
///
/// A macro, so that a new case reaches every implementation.
#[macro_export]
macro_rules! blob_store_contract {
    ($open:path) => {
        $crate::blob_store_contract! { @cases $open;
            what_is_appended_and_published_can_be_read
            appending_goes_on_where_it_was
            chunks_of_any_size_make_one_object
            a_large_object_goes_on_after_a_wrong_guess
            starting_over_forgets_everything
            an_unacknowledged_tail_is_cut
            publishing_cuts_an_unacknowledged_tail
            a_write_nobody_waited_for_stays_out_of_the_next_writers_way
            what_is_abandoned_leaves_the_rest_as_it_was
            appending_to_less_than_was_acknowledged_is_lost
            a_flush_covers_what_was_written_before_it
            sessions_do_not_disturb_each_other
            publishing_again_is_no_error
            publishing_what_is_not_there_is_lost
            an_empty_session_can_be_published
            what_is_put_can_be_read
            putting_again_is_no_error
            putting_replaces_what_a_session_left
            nothing_can_be_put
            ranges_are_cut_as_asked
            opening_what_is_not_there_is_lost
            deleted_objects_are_gone
            deleting_again_is_no_error
            a_published_object_is_kept_among_leftovers
            three_hundred_objects_keep_apart
            a_sound_store_passes_its_probe
        }
    };
    (@cases $open:path; $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let (store, _alive) = $open().await;
                $crate::testing::blob_store::$case(&*store).await;
            }
        )*
    };
}

/// Bytes that differ from place to place and from seed to seed.
fn pattern(seed: u8, length: usize) -> Bytes {
    (0..=250)
        .cycle()
        .skip(usize::from(seed))
        .take(length)
        .collect()
}

/// A batch in uneven pieces, one of them empty.
fn pieces(bytes: &Bytes) -> Vec<Bytes> {
    let (first, second) = (bytes.len() / 3, bytes.len() / 2);
    vec![
        bytes.slice(..first),
        Bytes::new(),
        bytes.slice(first..second),
        bytes.slice(second..),
    ]
}

/// An upload session, with what its row would remember.
struct Session {
    object: UploadObject,
    parts: Vec<Part>,
}

impl Session {
    /// With its first holder.
    fn new() -> Self {
        let key = StorageKey {
            session: Uuid::now_v7(),
            fence: 1,
        };
        Self {
            object: UploadObject::new(key),
            parts: Vec::new(),
        }
    }

    async fn writer(&self, store: &dyn BlobStore, length: Option<u64>) -> Box<dyn BlobWriter> {
        store.append(&self.object, length).await.unwrap()
    }

    /// Records what the store said of the bytes up to `committed`.
    fn absorb(&mut self, committed: usize, stored: Stored) {
        if stored.anew {
            self.parts.clear();
        }
        for part in stored.parts {
            self.parts.retain(|other| other.number != part.number);
            self.parts.push(part);
        }
        self.object.committed = committed as u64;
        self.object.state = stored.state;
    }

    /// Ends a writer who brought the object to `committed` bytes. The next holder comes.
    async fn close(&mut self, mut writer: Box<dyn BlobWriter>, committed: usize, more: bool) {
        let stored = writer.close(more).await.unwrap();
        drop(writer);
        self.absorb(committed, stored);
        self.object.key.fence += 1;
    }

    /// Appends as one request does.
    async fn append(&mut self, store: &dyn BlobStore, bytes: &Bytes, more: bool) {
        let mut writer = self.writer(store, Some(bytes.len() as u64)).await;
        let mut committed = usize::try_from(self.object.committed).unwrap();
        let mut rest = bytes.clone();
        while !rest.is_empty() {
            let until = usize::try_from(writer.flush_at()).unwrap() - committed;
            if until == 0 {
                let stored = writer.flush().await.unwrap();
                self.absorb(committed, stored);
                assert!(writer.flush_at() > committed as u64, "nothing is flushed");
                continue;
            }
            let batch = rest.split_to(rest.len().min(until).min(1_000_000));
            committed += batch.len();
            writer.write(pieces(&batch)).await.unwrap();
        }
        self.close(writer, committed, more).await;
    }

    /// Appends and dies before anything is recorded. The next holder comes.
    async fn lose(&mut self, store: &dyn BlobStore, bytes: &Bytes) {
        let mut writer = self.writer(store, None).await;
        writer.write(pieces(bytes)).await.unwrap();
        writer.close(true).await.unwrap();
        self.object.key.fence += 1;
    }

    async fn publish(&self, store: &dyn BlobStore) -> Result<Published, BlobStoreError> {
        store.publish(&self.object, self.parts.clone()).await
    }

    /// Publishes, and reads it whole.
    async fn published(&self, store: &dyn BlobStore) -> Bytes {
        let published = self.publish(store).await.unwrap();
        let size = usize::try_from(self.object.committed).unwrap();
        read_whole(store, published.key, size).await
    }
}

/// A small object with these bytes.
async fn put(store: &dyn BlobStore, bytes: &Bytes) -> StorageKey {
    let object = Session::new().object;
    let published = store.put(&object, pieces(bytes), None).await.unwrap();
    published.key
}

async fn read(store: &dyn BlobStore, key: StorageKey, size: u64, range: Range<u64>) -> Bytes {
    match store.open(key, size, range).await.unwrap() {
        Location::File(part) => {
            let mut bytes = vec![0; usize::try_from(part.length).unwrap()];
            part.file.read_exact_at(&mut bytes, part.offset).unwrap();
            bytes.into()
        }
        Location::Stream(stream) => collect(stream).await,
    }
}

async fn read_whole(store: &dyn BlobStore, key: StorageKey, size: usize) -> Bytes {
    let size = size as u64;
    read(store, key, size, 0..size).await
}

async fn collect(stream: ByteStream) -> Bytes {
    stream
        .map(Result::unwrap)
        .collect::<Vec<Bytes>>()
        .await
        .concat()
        .into()
}

#[track_caller]
fn assert_lost<T>(result: Result<T, BlobStoreError>, expected: StorageKey) {
    match result {
        Err(BlobStoreError::Lost(key)) => assert_eq!(key.session, expected.session),
        Err(error) => panic!("expected a lost object, got {error:?}"),
        Ok(_) => panic!("expected a lost object, got one"),
    }
}
