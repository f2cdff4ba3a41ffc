//! The plans the server really used, with the rows each step met, as `auto_explain` tells them to the client.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::operations::Operation;
use crate::side::Side;

const SETTINGS: [(&str, &str); 7] = [
    ("session_preload_libraries", "auto_explain"),
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_analyze", "on"),
    ("auto_explain.log_timing", "off"),
    ("auto_explain.log_format", "json"),
    ("auto_explain.log_nested_statements", "on"),
    ("auto_explain.log_level", "notice"),
];

/// Rounds that were not measured: what they ask for has not been changed yet.
const FRESH: usize = 1_000_000;

/// Prints for each operation the steps that touch a table, and how many rows each met at which size.
pub(crate) async fn print(sides: &mut [Side]) {
    let notices = Notices::default();
    tracing::subscriber::set_global_default(notices.clone()).unwrap();
    for side in &mut *sides {
        for (name, value) in SETTINGS {
            side.server.set(name, Some(value)).await;
        }
        side.reconnect().await;
    }
    println!("\nrows that each step met, on one side / on the other\n");
    for operation in Operation::ALL {
        let mut met: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (number, side) in sides.iter().enumerate() {
            // The first asks for what a new connection has to know.
            operation.run(side, FRESH).await;
            notices.take();
            operation.run(side, FRESH + 1).await;
            for (step, rows) in notices.take().iter().flat_map(|notice| steps(notice)) {
                met.entry(step).or_insert_with(|| vec![0; sides.len()])[number] += rows;
            }
        }
        println!("{}", operation.name());
        for (step, rows) in met {
            let rows: Vec<String> = rows.iter().map(u64::to_string).collect();
            println!("    {step}: {}", rows.join(" / "));
        }
    }
    for side in sides {
        for (name, _) in SETTINGS {
            side.server.set(name, None).await;
        }
    }
}

/// The steps of a plan that touch a table, each with the rows it met.
fn steps(notice: &str) -> Vec<(String, u64)> {
    let Some((_, plan)) = notice.split_once("plan:\n") else {
        return Vec::new();
    };
    let plan: Value = serde_json::from_str(plan).unwrap();
    let text = plan["Query Text"].as_str().unwrap_or_default();
    // The question of a foreign key.
    let key = if text.contains("FROM ONLY") {
        "key: "
    } else {
        ""
    };
    let mut steps = Vec::new();
    gather(&plan["Plan"], key, &mut steps);
    steps
}

fn gather(node: &Value, key: &str, steps: &mut Vec<(String, u64)>) {
    let text = |name: &str| node[name].as_str().unwrap_or_default();
    let number = |name: &str| node[name].as_f64().unwrap_or_default();
    if !text("Relation Name").is_empty() && text("Node Type") != "ModifyTable" {
        let met =
            (number("Actual Rows") + number("Rows Removed by Filter")) * number("Actual Loops");
        let place = if text("Index Name").is_empty() {
            text("Relation Name")
        } else {
            text("Index Name")
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of rows"
        )]
        steps.push((
            format!("{key}{} {place}", text("Node Type")),
            met.round() as u64,
        ));
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        gather(child, key, steps);
    }
}

/// What the server tells beside its answers.
#[derive(Debug, Clone, Default)]
struct Notices(Arc<Mutex<Vec<String>>>);

impl Notices {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Subscriber for Notices {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::postgres::notice"
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(message.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Message(String);

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
