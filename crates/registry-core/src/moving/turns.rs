//! Who copies a blob that several repositories show: one of them, and the others wait and mount it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use oci_types::Digest;

/// A turn for each blob that is being copied.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<Digest, Weak<Turn>>>);

/// To be locked while the blob is looked for and copied.
pub(super) type Turn = tokio::sync::Mutex<()>;

impl Turns {
    pub(super) fn of(&self, digest: Digest) -> Arc<Turn> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&digest).and_then(Weak::upgrade) {
            return turn;
        }
        // No more than are copied at once.
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Turn::default());
        turns.insert(digest, Arc::downgrade(&turn));
        turn
    }
}
