//! `berth migrate`: the schema of a PostgreSQL database, brought to this release's, or only looked at.

use std::io::{self, Write};

use anyhow::{Context, anyhow};
use metadata_postgres::{PostgresMetadata, SchemaState};
use tokio::runtime::Builder;

use crate::config::{self, Effective, MetadataUrl, PostgresUrl, Sources};
use crate::failure::Failure;

/// Migrates, or with `check` says whether that is needed.
pub(crate) fn run(sources: &Sources, check: bool) -> Result<(), Failure> {
    let effective = config::load_for_database(sources)?;
    let url = url(&effective)?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let sentence = runtime.block_on(async {
        if check {
            look(&PostgresMetadata::schema_state(url.as_str()).await?)
        } else {
            let migrations = effective.configuration().metadata.migrations_url.as_ref();
            let migrations = migrations.map(PostgresUrl::as_str);
            Ok(report(
                &PostgresMetadata::migrate(url.as_str(), migrations).await?,
            ))
        }
    })?;
    Ok(writeln!(io::stdout(), "{sentence}")?)
}

/// Where the registry looks for its tables.
fn url(effective: &Effective) -> anyhow::Result<PostgresUrl> {
    match effective.metadata_url() {
        MetadataUrl::Postgres(url) => Ok(url),
        MetadataUrl::Sqlite(path) => Err(anyhow!(
            "the metadata is in the SQLite file {}, which `berth serve` brings up to date by itself: there is nothing \
             to do",
            path.display()
        )),
    }
}

fn report(before: &SchemaState) -> String {
    let SchemaState { found, known } = before;
    match found {
        _ if before.is_current() => format!("the schema is up to date: version {known}"),
        Some(found) => format!("the schema was version {found} and is version {known} now"),
        None => format!("the database was empty and has schema version {known} now"),
    }
}

fn look(state: &SchemaState) -> anyhow::Result<String> {
    let SchemaState { found, known } = state;
    match found {
        _ if state.is_current() => Ok(format!("the schema is up to date: version {known}")),
        Some(found) => Err(anyhow!(
            "the schema is version {found}, and this release needs {known}: run `berth migrate`"
        )),
        None => Err(anyhow!(
            "the database is empty: run `berth migrate`, or start a registry, to create schema version {known}"
        )),
    }
}
