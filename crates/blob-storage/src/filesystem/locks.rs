//! One lock a key, within this process, that exists only while somebody wants it.
//!
//! It keeps a writer whose request is gone, but whose last write is still under way,
//! apart from whoever takes the session over. Fences keep them apart in the metadata;
//! this does so in the file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use registry_core::ports::StorageKey;
use tokio::sync::OwnedMutexGuard;

type Lock = Arc<tokio::sync::Mutex<()>>;

#[derive(Debug, Default, Clone)]
pub(super) struct KeyLocks(Arc<Mutex<HashMap<StorageKey, Lock>>>);

impl KeyLocks {
    /// Waits for the lock of `key`; it is free again when what this returns is dropped.
    pub(super) async fn lock(&self, key: StorageKey) -> KeyLock {
        let lock = Arc::clone(self.table().entry(key).or_default());
        // From here on the entry is cleaned up even if nobody waits to the end.
        let mut held = KeyLock {
            locks: self.clone(),
            key,
            lock: Some(Arc::clone(&lock)),
            guard: None,
        };
        held.guard = Some(lock.lock_owned().await);
        held
    }

    fn table(&self) -> MutexGuard<'_, HashMap<StorageKey, Lock>> {
        // Nothing panics while it is held, and a map is whole between two calls anyway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key's lock, held or waited for.
#[derive(Debug)]
pub(super) struct KeyLock {
    locks: KeyLocks,
    key: StorageKey,
    lock: Option<Lock>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        drop(self.guard.take());
        // Handles are made and dropped under the table's lock only, so their count is exact there.
        let mut table = self.locks.table();
        drop(self.lock.take());
        if table
            .get(&self.key)
            .is_some_and(|lock| Arc::strong_count(lock) == 1)
        {
            table.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;

    const KEY: StorageKey = StorageKey::of(Uuid::from_u128(1));
    const OTHER: StorageKey = StorageKey::of(Uuid::from_u128(2));

    #[tokio::test]
    async fn a_key_has_one_holder_and_others_do_not_wait() {
        let locks = KeyLocks::default();
        let first = locks.lock(KEY).await;
        let _other = locks.lock(OTHER).await;
        let mut second = Box::pin(locks.lock(KEY));
        assert!(second.as_mut().now_or_never().is_none());
        drop(first);
        second.await;
    }

    #[tokio::test]
    async fn nothing_is_left_of_locks_nobody_wants() {
        let locks = KeyLocks::default();
        drop(locks.lock(KEY).await);
        assert!(locks.table().is_empty());

        // One waits to the end, one gives up while the lock is held, one after it was handed over.
        let first = locks.lock(KEY).await;
        let mut second = Box::pin(locks.lock(KEY));
        let mut third = Box::pin(locks.lock(KEY));
        let mut fourth = Box::pin(locks.lock(KEY));
        for waiting in [&mut second, &mut third, &mut fourth] {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        drop(third);
        drop(first);
        drop(second);
        drop(fourth.await);
        assert!(locks.table().is_empty());
    }
}
