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

use crate::ports::{BlobStore, BlobStoreError, BlobWriter, ByteStream, Location, StorageKey};

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
            starting_over_forgets_everything
            an_unacknowledged_tail_is_cut
            a_write_nobody_waited_for_stays_out_of_the_next_writers_way
            appending_to_less_than_was_acknowledged_is_lost
            a_second_writer_waits_for_the_first
            a_flush_runs_beside_later_writes
            unpublished_bytes_can_be_read_but_not_opened
            sessions_do_not_disturb_each_other
            publishing_cuts_an_unacknowledged_tail
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

fn new_key() -> StorageKey {
    StorageKey(Uuid::now_v7())
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

async fn append_flushed(writer: &mut Box<dyn BlobWriter>, bytes: &Bytes) {
    writer.write(pieces(bytes)).await.unwrap();
    writer.flush().await.unwrap();
}

/// A session with these bytes in it, flushed, and no writer left.
async fn session(store: &dyn BlobStore, bytes: &Bytes) -> StorageKey {
    let key = new_key();
    append_flushed(&mut store.append(key, 0).await.unwrap(), bytes).await;
    key
}

async fn read(store: &dyn BlobStore, key: StorageKey, size: u64, range: Range<u64>) -> Bytes {
    match store.open(key, size, range).await.unwrap() {
        Location::File(part) => {
            let mut bytes = vec![0; usize::try_from(part.length).unwrap()];
            part.file.read_exact_at(&mut bytes, part.offset).unwrap();
            bytes.into()
        }
        Location::Stream(stream) => collect(stream).await,
        Location::Redirect(_) => panic!("the suite runs on stores that are asked not to redirect"),
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
        Err(BlobStoreError::Lost(key)) => assert_eq!(key, expected),
        Err(error) => panic!("expected a lost object, got {error:?}"),
        Ok(_) => panic!("expected a lost object, got one"),
    }
}
