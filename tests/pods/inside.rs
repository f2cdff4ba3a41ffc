//! What only the database and the bucket can tell: which session stands where, and whether each object has an owner. It
//! knows the tables and the names of objects, which no other part of the suites does.

use std::{collections::BTreeMap, path::PathBuf};

use berth_test_servers::Postgres;
use berth_tests::SharedStores;

use crate::eventually;

/// Sessions that are neither finished nor ended.
const OPEN_SESSIONS: &str = "SELECT id, state, committed FROM uploads WHERE state < 9";

/// The stores of some pods, seen past all of them.
pub(crate) struct Inside<'a> {
    postgres: &'a Postgres,
    stores: &'a SharedStores,
}

impl<'a> Inside<'a> {
    pub(crate) fn new(postgres: &'a Postgres, stores: &'a SharedStores) -> Self {
        Self { postgres, stores }
    }

    /// What the database answers: a line a row, columns separated by `|`.
    pub(crate) async fn ask(&self, statement: &str) -> String {
        let database = self.stores.database();
        self.postgres.execute(database, statement).await
    }

    /// Waits until the database gives this answer.
    pub(crate) async fn wait_until(&self, statement: &str, answer: &str) {
        eventually(statement, async || {
            let found = self.ask(statement).await;
            if found == answer { Ok(()) } else { Err(found) }
        })
        .await;
    }

    /// The objects in the bucket that are not for checking its health.
    pub(crate) async fn objects(&self) -> BTreeMap<PathBuf, u64> {
        let mut objects = self.stores.objects().await;
        objects.retain(|path, _| !path.ends_with("berth-probe"));
        objects
    }

    /// The objects that rows of blobs name, with their lengths.
    async fn owned(&self) -> BTreeMap<PathBuf, u64> {
        let rows = "SELECT encode(storage_key, 'hex'), size FROM blobs";
        let rows = self.ask(rows).await;
        let rows = rows.lines().filter_map(|row| row.split_once('|'));
        rows.map(|(key, size)| (path_of(key), size.parse().expect("a length")))
            .collect()
    }

    /// Waits until nobody works on anything any more and nothing waits to be deleted.
    pub(crate) async fn wait_until_settled(&self) {
        self.wait_until(OPEN_SESSIONS, "").await;
        self.wait_until("SELECT object FROM storage_deletions", "")
            .await;
    }

    /// The same. Then the bucket holds the objects that blobs name, and no others.
    pub(crate) async fn wait_until_tidy(&self) {
        self.wait_until_settled().await;
        let (there, owned) = (self.objects().await, self.owned().await);
        let orphans: Vec<_> = there
            .keys()
            .filter(|path| !owned.contains_key(*path))
            .collect();
        assert!(orphans.is_empty(), "objects without an owner: {orphans:?}");
        assert_eq!(there, owned, "blobs are without their objects");
    }
}

/// Where the object with this key lies: `b/<last byte of the session>/<session>.<fence>`.
fn path_of(key: &str) -> PathBuf {
    let (session, fence) = key.split_at(32);
    let fence = u64::from_str_radix(fence, 16).expect("a fence of eight bytes");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &session[part]);
    let fan_out = &session[30..];
    PathBuf::from(format!("/b/{fan_out}/{}.{fence}", parts.join("-")))
}
