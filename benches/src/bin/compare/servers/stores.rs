//! What registries stand on with `--stores shared`: one PostgreSQL and one `MinIO` for the whole run.
//!
//! Both are private to this process and end with it, killed or not. They run as an operator would run
//! them where nothing may be lost: what they acknowledge is on the disk. Each server under load gets
//! a database and a bucket that nobody had before; nothing of a server's is removed while the run
//! lasts, see [`super::directories`].

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use berth_test_servers::{Minio, Postgres};
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use crate::options::Options;
use crate::proc::Process;

/// The harness's cluster does not sync, because tests kill servers only. Here a sync is half of what
/// a write costs.
const SETTINGS: [(&str, &str); 4] = [
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("synchronous_commit", "on"),
    ("shared_buffers", "256MB"),
];

/// The same of each store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct PerStore<T> {
    pub(crate) postgres: T,
    pub(crate) minio: T,
}

impl PerStore<Duration> {
    /// What came to `before`, where there are stores.
    pub(crate) fn since(now: Option<Self>, before: Option<Self>) -> Option<Self> {
        let (now, before) = (now?, before?);
        Some(Self {
            postgres: now.postgres.saturating_sub(before.postgres),
            minio: now.minio.saturating_sub(before.minio),
        })
    }

    pub(crate) fn sum(self) -> Duration {
        self.postgres + self.minio
    }
}

/// The running stores.
pub(crate) struct SharedStores {
    postgres: Postgres,
    minio: Minio,
    processes: PerStore<Process>,
    description: String,
    runtime: Runtime,
}

impl SharedStores {
    /// Starts both, with their data where the servers' directories are.
    pub(crate) fn start(options: &Options) -> Result<Self> {
        // The harness panics about a missing program; this one is not among what tests need.
        options
            .tool("minio")
            .context("`minio` was not found: run tests/tools/install bench")?;
        if let Some(directory) = &options.directory {
            // INVARIANT: this is the only call, so there is nothing that it could be refused for.
            let _first = tempfile::env::override_temp_dir(directory);
        }
        eprintln!("start PostgreSQL and MinIO");
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let postgres = runtime.block_on(Postgres::start_with(&SETTINGS));
        let version = runtime.block_on(postgres.execute("postgres", "SHOW server_version"));
        let minio = runtime.block_on(Minio::start());
        let settings = SETTINGS.map(|(name, value)| format!("{name} {value}"));
        Ok(Self {
            processes: PerStore {
                postgres: Process::own_child("postgres")?,
                minio: Process::own_child("minio")?,
            },
            description: format!(
                "PostgreSQL {version} ({}) and MinIO {} on the same machine and disk",
                settings.join(", "),
                options.tool_version("minio")
            ),
            postgres,
            minio,
            runtime,
        })
    }

    /// What they are, for people.
    pub(crate) fn description(&self) -> &str {
        &self.description
    }

    /// A fresh database and a fresh bucket for one server.
    pub(super) fn lend(&self) -> Lent {
        let database = self.runtime.block_on(self.postgres.create_database());
        let bucket = self.runtime.block_on(self.minio.create_bucket());
        Lent {
            database,
            directory: self.minio.bucket_directory(&bucket),
            bucket,
            endpoint: self.minio.endpoint(),
            region: self.minio.region(),
            access_key: self.minio.access_key(),
            secret_key: self.minio.secret_key(),
            processes: self.processes,
        }
    }
}

/// What one server may use of the stores.
pub(super) struct Lent {
    /// The URL of the database.
    database: String,
    bucket: String,
    /// Where `MinIO` keeps the bucket.
    pub(super) directory: PathBuf,
    endpoint: String,
    region: &'static str,
    access_key: &'static str,
    secret_key: &'static str,
    processes: PerStore<Process>,
}

impl Lent {
    /// Berth's arguments, and the keys where the AWS SDK looks for them first.
    pub(super) fn tell_berth(&self, command: &mut Command) {
        let Self {
            bucket,
            endpoint,
            region,
            ..
        } = self;
        let storage = format!("s3://{bucket}?endpoint={endpoint}&region={region}&path_style=true");
        command
            .args(["--metadata-url", &self.database])
            .args(["--storage-url", &storage])
            .env("AWS_ACCESS_KEY_ID", self.access_key)
            .env("AWS_SECRET_ACCESS_KEY", self.secret_key);
    }

    /// Distribution's storage driver: what is not said here is as its documentation has it.
    pub(super) fn distribution_driver(&self) -> String {
        let Self {
            bucket,
            endpoint,
            region,
            access_key,
            secret_key,
            ..
        } = self;
        format!(
            "s3: {{bucket: {bucket}, region: {region}, regionendpoint: \"{endpoint}\", \
             forcepathstyle: true, secure: false, accesskey: {access_key}, secretkey: {secret_key}}}"
        )
    }

    /// CPU time that the stores have spent up to now, for whomever.
    pub(super) fn cpu(&self) -> Result<PerStore<Duration>> {
        Ok(PerStore {
            postgres: self.processes.postgres.cpu_with_children()?,
            minio: self.processes.minio.cpu_with_children()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn both_registries_are_told_of_the_same_server() {
        let nobody = Process::of(0);
        let lent = Lent {
            database: "postgres://u@127.0.0.1:1/d".to_owned(),
            bucket: "b".to_owned(),
            directory: PathBuf::new(),
            endpoint: "http://127.0.0.1:2".to_owned(),
            region: "here",
            access_key: "ours",
            secret_key: "hidden",
            processes: PerStore {
                postgres: nobody,
                minio: nobody,
            },
        };
        let mut command = Command::new("berth");
        lent.tell_berth(&mut command);
        let arguments: Vec<&OsStr> = command.get_args().collect();
        assert_eq!(
            arguments,
            [
                "--metadata-url",
                "postgres://u@127.0.0.1:1/d",
                "--storage-url",
                "s3://b?endpoint=http://127.0.0.1:2&region=here&path_style=true",
            ]
        );
        assert_eq!(
            lent.distribution_driver(),
            "s3: {bucket: b, region: here, regionendpoint: \"http://127.0.0.1:2\", \
             forcepathstyle: true, secure: false, accesskey: ours, secretkey: hidden}"
        );
    }
}
