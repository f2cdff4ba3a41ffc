//! Batches: what stays, what is taken back, who is told what.

use std::sync::Arc;

use futures_util::future::join_all;
use prometheus::Registry;
use registry_core::ports::MetadataError;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{Batches, Effect, Transaction, Writer};
use crate::cache::Cache;
use crate::connection::{self, DatabaseLock};
use crate::metrics::Metrics;
use crate::statement::{Statement, statement};

static INSERT: Statement = statement!("test_insert", "INSERT INTO notes (note) VALUES ($1)");
static INSERT_THEN_FAIL: Statement = statement!(
    "test_insert_then_fail",
    "INSERT INTO notes (note) VALUES ($1); INSERT INTO notes (note) VALUES (NULL);"
);
static INSERT_LATE_FAILURE: Statement = statement!(
    "test_late_failure",
    "PRAGMA defer_foreign_keys = ON; INSERT INTO notes (note, about) VALUES ($1, 'nothing');"
);
static FILL: Statement = statement!(
    "test_fill",
    "INSERT INTO notes (note) VALUES ($1 || hex(zeroblob(1000000)))"
);
static SYNCHRONOUS: Statement = statement!(
    "test_synchronous",
    "SELECT synchronous FROM pragma_synchronous"
);

struct Running {
    writer: Writer,
    directory: TempDir,
}

/// A writer over a table of notes that stays below `pages` pages.
fn start(pages: u32) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metadata.db");
    // An empty file is an empty database.
    std::fs::write(&path, "").unwrap();
    let connection = connection::writer(&path).unwrap();
    let schema = format!(
        "PRAGMA max_page_count = {pages};
         CREATE TABLE notes (note TEXT NOT NULL UNIQUE, about TEXT REFERENCES notes (note));"
    );
    connection.execute_batch(&schema).unwrap();
    let metrics = Arc::new(Metrics::new(&Registry::new()).unwrap());
    let batches = Batches {
        transaction: Transaction::new(connection, metrics),
        cache: Arc::new(Cache::new(0, &Registry::new()).unwrap()),
        lock: DatabaseLock::acquire(&path).unwrap(),
    };
    Running {
        writer: Writer::start(batches).unwrap(),
        directory,
    }
}

impl Running {
    async fn write(
        &self,
        effect: Effect,
        statement: &'static Statement,
        note: &str,
    ) -> Result<(), MetadataError> {
        let bound = statement.bind(note);
        self.writer
            .run(effect, move |transaction| transaction.run(&bound).map(drop))
            .await
    }

    /// Runs writes in one batch: the first job of it waits until all of them are in the queue.
    async fn batch<T>(&self, writes: impl Future<Output = T>) -> T {
        let (open, gate) = std::sync::mpsc::channel();
        let first = self.writer.run(Effect::Keep, move |_| {
            gate.recv().unwrap();
            Ok(())
        });
        let queued = async {
            // After the writes were polled once, and so are in the queue.
            tokio::task::yield_now().await;
            open.send(()).unwrap();
        };
        let (first, outcome, ()) = tokio::join!(first, writes, queued);
        // It shares the fate of its batch, whatever that is.
        drop(first);
        outcome
    }

    async fn insert(&self, note: &str) {
        self.write(Effect::Keep, &INSERT, note).await.unwrap();
    }

    async fn synchronous(&self, effect: Effect) -> i64 {
        let row = self
            .writer
            .run(effect, |transaction| transaction.row(&SYNCHRONOUS.bound()));
        row.await.unwrap().unwrap().column(0).unwrap()
    }

    /// What somebody else sees.
    fn notes(&self) -> Vec<String> {
        let connection = Connection::open(self.directory.path().join("metadata.db")).unwrap();
        let mut notes = connection
            .prepare("SELECT substr(note, 1, 20) FROM notes ORDER BY note")
            .unwrap();
        let notes = notes.query_map([], |row| row.get(0)).unwrap();
        notes.map(Result::unwrap).collect()
    }
}

#[tokio::test]
async fn a_job_that_fails_is_taken_back_alone() {
    let running = start(1_000);
    let writes = join_all([
        running.write(Effect::Keep, &INSERT, "a"),
        running.write(Effect::Keep, &INSERT_THEN_FAIL, "b"),
        running.write(Effect::Keep, &INSERT, "c"),
        running.write(Effect::Keep, &INSERT, "a"),
        running.write(Effect::TakeBack, &INSERT, "d"),
        running.write(Effect::Keep, &INSERT, "e"),
    ]);
    let outcomes = running.batch(writes).await;
    let succeeded: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(succeeded, [true, false, true, false, true, true]);
    assert_eq!(running.notes(), ["a", "c", "e"]);
}

#[tokio::test]
async fn a_job_decides_against_what_it_did() {
    let running = start(1_000);
    let decide = running.writer.run(Effect::Keep, |transaction| {
        transaction.run(&INSERT.bind("unwanted"))?;
        transaction.take_back();
        Ok("answer")
    });
    let writes = async { tokio::join!(running.insert("a"), decide, running.insert("b")) };
    let ((), answer, ()) = running.batch(writes).await;
    assert_eq!(answer.unwrap(), "answer");
    assert_eq!(running.notes(), ["a", "b"]);
}

#[tokio::test]
async fn a_job_that_writes_nothing_is_no_error() {
    let running = start(1_000);
    for _ in 0..2 {
        running.writer.run(Effect::Keep, |_| Ok(())).await.unwrap();
        running.insert(&format!("{}", running.notes().len())).await;
    }
    assert_eq!(running.notes(), ["0", "1"]);
}

#[tokio::test]
async fn a_commit_that_fails_fails_its_whole_batch() {
    let running = start(1_000);
    running.insert("before").await;
    let writes = join_all([
        running.write(Effect::Keep, &INSERT, "a"),
        running.write(Effect::Keep, &INSERT_LATE_FAILURE, "b"),
    ]);
    let outcomes = running.batch(writes).await;
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Err(MetadataError::Failed(_)))),
        "{outcomes:?}"
    );
    running.insert("after").await;
    assert_eq!(running.notes(), ["after", "before"]);
}

/// SQLite may give the whole transaction up then. Whoever was told of success has it.
#[tokio::test]
async fn a_full_disk_is_told_and_survived() {
    let running = start(2_000);
    running.insert("before").await;
    let fills: Vec<String> = (0..20).map(|number| format!("fill {number:02} ")).collect();
    let outcomes = join_all(
        fills
            .iter()
            .map(|note| running.write(Effect::Keep, &FILL, note)),
    )
    .await;
    let full = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(MetadataError::Full(_))));
    assert!(full.count() > 0, "{outcomes:?}");
    running.insert("after").await;
    let notes = running.notes();
    for (note, outcome) in fills.iter().zip(&outcomes) {
        let there = notes.iter().any(|there| there.starts_with(note.as_str()));
        assert_eq!(there, outcome.is_ok(), "{note}: {outcome:?}");
        assert!(
            matches!(outcome, Ok(()) | Err(MetadataError::Full(_))),
            "{outcome:?}"
        );
    }
    assert!(notes.contains(&"after".to_owned()) && notes.contains(&"before".to_owned()));
}

/// Each time, whatever came before.
#[tokio::test]
async fn what_is_promised_is_synced() {
    const FULL: i64 = 2;
    const NORMAL: i64 = 1;
    let running = start(1_000);
    for _ in 0..3 {
        assert_eq!(running.synchronous(Effect::Keep).await, FULL);
        assert_eq!(running.synchronous(Effect::KeepLoosely).await, NORMAL);
        assert_eq!(running.synchronous(Effect::KeepLoosely).await, NORMAL);
    }
}

#[tokio::test]
async fn what_is_queued_is_done_before_the_end() {
    let running = start(1_000);
    let notes: Vec<String> = (100..300).map(|number| number.to_string()).collect();
    let writes = join_all(
        notes
            .iter()
            .map(|note| running.write(Effect::Keep, &INSERT, note)),
    );
    let end = async {
        // After the writes were polled once, and so are in the queue.
        tokio::task::yield_now().await;
        running.writer.close().await;
    };
    let (outcomes, ()) = tokio::join!(writes, end);
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(running.notes(), notes);
    let late = running.write(Effect::Keep, &INSERT, "late").await;
    assert!(
        matches!(late, Err(MetadataError::Unavailable(_))),
        "{late:?}"
    );
}
