//! Where each object lies. Nothing else in this crate makes a path.
//!
//! ```text
//! DIR
//! ├── berth-storage        what this directory is, and the version of its layout
//! ├── berth-storage.new    the same on its way there, at the first start
//! ├── lock                 locked by the process that uses the directory
//! ├── probe                comes and goes with each readiness check
//! ├── uploads
//! │   └── <key>            unpublished: what an upload session has so far
//! └── blobs
//!     └── 00 … ff          the last byte of the keys below; their first bytes are a clock
//!         └── <key>        published: complete, durable, never written again
//! ```
//!
//! Paths are relative to `DIR` and made of these parts only, never of a client's text. A session has one
//! object here, since a late holder is kept out by a lock: fences are in no name.

use registry_core::ports::StorageKey;

pub(crate) const MARKER: &str = "berth-storage";
pub(crate) const NEW_MARKER: &str = "berth-storage.new";
pub(crate) const LOCK: &str = "lock";
pub(crate) const PROBE: &str = "probe";
pub(crate) const UPLOADS: &str = "uploads";
pub(crate) const BLOBS: &str = "blobs";

/// The name of an object in the directory it lies in.
pub(crate) fn name(key: StorageKey) -> String {
    key.session.hyphenated().to_string()
}

/// Where an unpublished object lies.
pub(crate) fn upload(key: StorageKey) -> String {
    format!("{UPLOADS}/{}", key.session.hyphenated())
}

/// Where a published object lies.
pub(crate) fn blob(key: StorageKey) -> String {
    format!("{}/{}", blob_directory(key), key.session.hyphenated())
}

/// The directory a published object lies in.
pub(crate) fn blob_directory(key: StorageKey) -> String {
    let [.., last] = *key.session.as_bytes();
    format!("{BLOBS}/{}", fan_out(last))
}

/// The names of the directories beneath [`BLOBS`].
pub(crate) fn fan_outs() -> impl Iterator<Item = String> {
    (0..=u8::MAX).map(fan_out)
}

fn fan_out(last: u8) -> String {
    format!("{last:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_drawing() {
        let key = StorageKey::of("0198c0de-0000-7abc-8def-0123456789Ab".parse().unwrap());
        assert_eq!(name(key), "0198c0de-0000-7abc-8def-0123456789ab");
        assert_eq!(upload(key), "uploads/0198c0de-0000-7abc-8def-0123456789ab");
        assert_eq!(blob_directory(key), "blobs/ab");
        assert_eq!(blob(key), "blobs/ab/0198c0de-0000-7abc-8def-0123456789ab");
    }

    #[test]
    fn every_key_has_a_directory() {
        let directories: Vec<String> = fan_outs().collect();
        assert_eq!(directories.len(), 256);
        for last in 0..=u8::MAX {
            let mut bytes = [0; 16];
            bytes[15] = last;
            let directory = blob_directory(StorageKey::of(uuid::Uuid::from_bytes(bytes)));
            assert_eq!(
                directory,
                format!("blobs/{}", directories[usize::from(last)])
            );
        }
    }
}
