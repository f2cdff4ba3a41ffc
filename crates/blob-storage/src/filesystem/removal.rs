//! Deleting objects, durably: once a key is reported gone its tombstone is forgotten,
//! so a deletion that a crash undoes would leave bytes that nothing remembers.

use std::collections::BTreeMap;

use registry_core::ports::{BlobStoreError, Leftovers, StorageKey};

use super::tree::Tree;
use crate::key;

/// Deletes what it can. An error only if that is nothing.
pub(super) fn delete(
    tree: &Tree,
    leftovers: Vec<Leftovers>,
) -> Result<Vec<Leftovers>, BlobStoreError> {
    let mut removal = Removal::default();
    for object in leftovers {
        match removal.unlink(tree, &object) {
            Ok(()) => removal.gone.push(object),
            Err(error) => removal.fail(error),
        }
    }
    removal.sync(tree);
    match removal.fault {
        Some(error) if removal.gone.is_empty() => Err(error),
        Some(_) | None => Ok(removal.gone),
    }
}

#[derive(Default)]
struct Removal {
    gone: Vec<Leftovers>,
    /// Directories that changed, and the keys whose removal is not durable before they are.
    changed: BTreeMap<String, Vec<StorageKey>>,
    fault: Option<BlobStoreError>,
}

impl Removal {
    fn unlink(&mut self, tree: &Tree, object: &Leftovers) -> Result<(), BlobStoreError> {
        if object.keep.is_some() {
            // The one object there is.
            return Ok(());
        }
        let key = StorageKey::of(object.key.session);
        for directory in [key::UPLOADS.to_owned(), key::blob_directory(key)] {
            tree.unlink(&directory, &key::name(key))?;
            // Even if it was gone before: perhaps by a deletion that did not come to its end.
            self.changed.entry(directory).or_default().push(key);
        }
        Ok(())
    }

    fn sync(&mut self, tree: &Tree) {
        for (directory, keys) in std::mem::take(&mut self.changed) {
            if let Err(error) = tree.sync(&directory) {
                self.gone
                    .retain(|object| !keys.contains(&StorageKey::of(object.key.session)));
                self.fail(error);
            }
        }
    }

    fn fail(&mut self, error: BlobStoreError) {
        tracing::warn!(error = &error as &dyn std::error::Error, "delete blob");
        self.fault.get_or_insert(error);
    }
}
