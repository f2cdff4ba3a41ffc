//! Every statement is prepared and its plan explained on the migrated schema, empty and filled.

use std::collections::HashSet;

use berth_test_servers::Postgres;
use prometheus::Registry;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection, Row as _};

use super::{Statement, all};
use crate::address::Address;
use crate::connection::Role;
use crate::{OpenOptions, connection, schema};

/// Statements that may read a whole table, and why.
const SCANS: &[(&str, &str)] = &[("totals", "once every few minutes")];

fn scans(statement: &Statement) -> bool {
    SCANS.iter().any(|(name, _)| *name == statement.name)
}

/// A registry of some size, so that the planner has a choice.
const FILL: &str = include_str!("fill.sql");

async fn migrated() -> PgConnection {
    let url = Postgres::shared().await.create_database().await;
    let options = Address::parse(&url).unwrap().options;
    let mut connection = options.connect().await.unwrap();
    schema::migrate(&mut connection).await.unwrap();
    let settings = OpenOptions::new(url, Registry::new()).settings();
    connection::set_up(&mut connection, Role::Primary, settings)
        .await
        .unwrap();
    connection
}

/// How many parameters a statement has.
fn parameters(statement: &Statement) -> usize {
    let digits = |text: &str| {
        let end = text.find(|letter: char| !letter.is_ascii_digit());
        text[..end.unwrap_or(text.len())].parse().unwrap_or(0)
    };
    let numbers = statement.sql.split('$').skip(1).map(digits);
    numbers.max().unwrap_or(0)
}

/// The plan that is used whatever the arguments are.
async fn plan(connection: &mut PgConnection, statement: &Statement) -> Vec<String> {
    let (name, sql) = (statement.name, statement.sql);
    let prepare = AssertSqlSafe(format!("PREPARE {name} AS {sql}"));
    if let Err(error) = connection.execute(prepare).await {
        panic!("{name}: {error}\n{sql}");
    }
    let arguments = vec!["NULL"; parameters(statement)].join(", ");
    let arguments = if arguments.is_empty() {
        arguments
    } else {
        format!("({arguments})")
    };
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE {name}{arguments}");
    let steps = connection.fetch_all(AssertSqlSafe(explain)).await.unwrap();
    steps.iter().map(|step| step.get(0)).collect()
}

/// The plans of all statements.
async fn plans(connection: &mut PgConnection) -> Vec<String> {
    let mut plans = Vec::new();
    for statement in all().filter(|statement| !scans(statement)) {
        plans.push(statement.name.to_owned());
        let plan = plan(connection, statement).await;
        plans.extend(plan.iter().map(|step| format!("  {step}")));
    }
    plans
}

/// A search by a part of a key can be as bad as a scan, and no step tells how many rows it meets. So each plan
/// was read by a person once, and whoever changes one reads the new one. It is the same whatever is in the
/// tables: a plan is made once for each connection, and nobody knows how the tables grow meanwhile.
#[tokio::test]
async fn plans_are_those_that_were_read() {
    let mut connection = migrated().await;
    let empty = plans(&mut connection).await.join("\n");
    connection.execute("DEALLOCATE ALL").await.unwrap();
    connection.execute(FILL).await.unwrap();
    let stale = plans(&mut connection).await.join("\n");
    connection.execute("DEALLOCATE ALL").await.unwrap();
    connection.execute("ANALYZE").await.unwrap();
    let filled = plans(&mut connection).await.join("\n");
    let read = include_str!("plans.txt").trim_end();
    for (when, plans) in [("empty", empty), ("stale", stale), ("filled", filled)] {
        assert!(
            plans == read,
            "with tables {when}; read them, then keep them in plans.txt:\n{plans}"
        );
    }
}

#[tokio::test]
async fn no_statement_reads_a_whole_table() {
    let mut connection = migrated().await;
    for statement in all() {
        let plan = plan(&mut connection, statement).await;
        let costly = plan.iter().any(|step| step.contains("Seq Scan on "));
        assert!(
            !costly || scans(statement),
            "{}:\n{}",
            statement.name,
            plan.join("\n")
        );
    }
}

/// A deletion looks for rows that refer to what goes, and a foreign key does so by itself, which no plan
/// shows. These are its questions.
#[tokio::test]
async fn foreign_keys_are_looked_up_by_index() {
    let mut connection = migrated().await;
    connection.execute(FILL).await.unwrap();
    connection.execute("ANALYZE").await.unwrap();
    for (name, question) in [
        (
            "link",
            "SELECT FROM ONLY manifest_blobs AS x WHERE $1::bigint = repository_id AND $2::bytea = linked FOR KEY SHARE OF x",
        ),
        (
            "charge",
            "SELECT FROM ONLY repository_blobs AS x WHERE $1::bigint = namespace_id AND $2::bytea = digest FOR KEY SHARE OF x",
        ),
        (
            "blob",
            "SELECT FROM ONLY namespace_blobs AS x WHERE $1::bytea = digest FOR KEY SHARE OF x",
        ),
        (
            "tagged",
            "SELECT FROM ONLY tags AS x WHERE $1::bigint = manifest_id FOR KEY SHARE OF x",
        ),
        (
            "child",
            "SELECT FROM ONLY manifest_children AS x WHERE $1::bigint = child_id FOR KEY SHARE OF x",
        ),
        (
            "references",
            "DELETE FROM ONLY manifest_blobs WHERE $1::bigint = manifest_id",
        ),
        (
            "children",
            "DELETE FROM ONLY manifest_children WHERE $1::bigint = parent_id",
        ),
        (
            "parts",
            "DELETE FROM ONLY upload_parts WHERE $1::uuid = upload_id",
        ),
    ] {
        let name = Box::leak(format!("question_{name}").into_boxed_str());
        let plan = plan(
            &mut connection,
            &Statement {
                name,
                sql: question,
            },
        )
        .await;
        assert!(
            !plan.iter().any(|step| step.contains("Seq Scan")),
            "{question}:\n{}",
            plan.join("\n")
        );
    }
}

#[tokio::test]
async fn a_costly_plan_is_noticed() {
    let mut connection = migrated().await;
    let statement = Statement {
        name: "costly",
        sql: "SELECT FROM manifests WHERE size = $1",
    };
    let plan = plan(&mut connection, &statement).await;
    assert!(
        plan.iter().any(|step| step.contains("Seq Scan")),
        "{plan:?}"
    );
}

#[test]
fn parameters_are_numbered_without_a_gap() {
    for statement in all() {
        for number in 1..=parameters(statement) {
            let parameter = format!("${number}");
            assert!(
                statement.sql.contains(&parameter),
                "{} lacks {parameter}",
                statement.name
            );
        }
    }
}

/// A connection that keeps fewer would prepare them again and again.
#[test]
fn connections_keep_all_statements() {
    assert!(all().count() < connection::STATEMENTS);
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

/// Time comes from one function, so that tests can move it.
#[test]
fn nobody_asks_for_the_time_past_the_function() {
    for statement in all() {
        let text = statement.sql.replace("berth_now(", "");
        for clock in [
            "now()",
            "CURRENT_TIMESTAMP",
            "clock_timestamp",
            "statement_timestamp",
        ] {
            assert!(!text.contains(clock), "{}", statement.name);
        }
    }
}
