//! Every statement is prepared and its plan explained on the migrated schema.

use std::collections::HashSet;

use rusqlite::Connection;

use super::all;
use crate::{connection, schema};

/// Statements that may read a whole table or sort, and why.
const SCANS: &[(&str, &str)] = &[
    (
        "upload_void",
        "once at each start, over sessions of the last day",
    ),
    (
        "totals",
        "once every five minutes, on a connection that reads",
    ),
    (
        "installation_begin",
        "once, when a move begins, and no further than the first row",
    ),
    ("referrer_list", "one page, which is bounded"),
    ("referrer_list_by_type", "one page, which is bounded"),
];

async fn migrated() -> (tempfile::TempDir, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metadata.db");
    let mut migrator = connection::migrator(&path).await.unwrap();
    schema::migrate(&mut migrator).await.unwrap();
    let connection = connection::writer(&path).unwrap();
    (directory, connection)
}

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"));
    let mut explain = explain.unwrap_or_else(|error| panic!("{error} in {sql}"));
    let steps = explain.raw_query().mapped(|row| row.get(3));
    steps.map(Result::unwrap).collect()
}

/// A step that reads every row of a table, or sorts what no index brings in order.
fn is_costly(step: &str) -> bool {
    let scan =
        step.starts_with("SCAN ") && !step.contains("VIRTUAL TABLE") && step != "SCAN CONSTANT ROW";
    let subquery = step.starts_with("SCAN (subquery") || step.starts_with("SCAN reference");
    (scan && !subquery) || step.contains("AUTOMATIC") || step.contains("TEMP B-TREE")
}

#[tokio::test]
async fn no_statement_reads_a_whole_table() {
    let (_directory, connection) = migrated().await;
    let mut costly = Vec::new();
    for statement in all() {
        for sql in statement.parts() {
            for step in plan(&connection, sql) {
                if is_costly(&step) && !SCANS.iter().any(|(name, _)| *name == statement.name) {
                    costly.push(format!("{}: {step}\n{sql}", statement.name));
                }
            }
        }
    }
    assert!(costly.is_empty(), "{}", costly.join("\n\n"));
}

/// A search by a part of a key can be as bad as a scan, and no step tells how many rows it meets.
/// So each plan was read by a person once, and whoever changes one reads the new one.
#[tokio::test]
async fn plans_are_those_that_were_read() {
    let (_directory, connection) = migrated().await;
    let mut plans = Vec::new();
    for statement in all() {
        plans.push(statement.name.to_owned());
        for sql in statement.parts() {
            plans.push(format!("  {}", sql.lines().next().unwrap_or_default()));
            let steps = plan(&connection, sql);
            plans.extend(steps.iter().map(|step| format!("    {step}")));
        }
    }
    let plans = plans.join("\n");
    assert!(
        plans == include_str!("plans.txt").trim_end(),
        "read them, then keep them in plans.txt:\n{plans}"
    );
}

/// Those of other forms would be bound by their place, not by their number.
#[test]
fn parameters_are_named() {
    for statement in all() {
        assert!(
            !statement.sql.contains(['?', ':', '@']),
            "{}",
            statement.name
        );
    }
}

#[tokio::test]
async fn a_costly_plan_is_noticed() {
    let (_directory, connection) = migrated().await;
    for sql in [
        "SELECT * FROM manifests WHERE size = 1",
        "SELECT size FROM blobs ORDER BY size",
    ] {
        assert!(
            plan(&connection, sql).iter().any(|step| is_costly(step)),
            "{sql}"
        );
    }
}

/// A deletion looks for rows that refer to what goes. Garbage collection will delete these; their
/// plans show that an index leads there, the partial ones included.
#[tokio::test]
async fn foreign_keys_are_looked_up_by_index() {
    let (_directory, connection) = migrated().await;
    for (delete, index) in [
        (
            "DELETE FROM repository_blobs WHERE repository_id = 1 AND digest = x'00'",
            "manifest_blobs_linked",
        ),
        (
            "DELETE FROM namespace_blobs WHERE namespace_id = 1 AND digest = x'00'",
            "repository_blobs_namespace",
        ),
        (
            "DELETE FROM blobs WHERE digest = x'00'",
            "namespace_blobs_digest",
        ),
        ("DELETE FROM manifests WHERE id = 1", "tags_manifest"),
        (
            "DELETE FROM manifests WHERE id = 1",
            "manifest_children_child",
        ),
    ] {
        let plan = plan(&connection, delete);
        assert!(
            plan.iter().any(|step| step.contains(index)),
            "{delete}: {plan:?}"
        );
        assert!(
            !plan.iter().any(|step| is_costly(step)),
            "{delete}: {plan:?}"
        );
    }
}

#[test]
fn names_are_unique() {
    let mut names = HashSet::new();
    for statement in all() {
        assert!(
            names.insert(statement.name),
            "{} is used twice",
            statement.name
        );
    }
}
