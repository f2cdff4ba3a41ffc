//! A private PostgreSQL cluster. Everybody on this machine may connect to it as its superuser, without a password.
//!
//! It does not sync to the disk: what a test kills is the server, never the machine.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tokio::{process::Command, sync::OnceCell, task::spawn_blocking, time::sleep};

use crate::{
    directory,
    launch::{Launch, give_to_unprivileged},
    port, program,
    service::{Readiness, Service},
};

/// How long the processes of a killed server may take to notice that they are alone.
const ORPHANS_LIMIT: Duration = Duration::from_secs(30);

/// A running PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    service: Service,
    directory: PathBuf,
    port: u16,
    databases: AtomicU32,
}

impl Postgres {
    /// The cluster that all tests of this process share.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// Starts a cluster for one test alone.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a cluster for one test alone with settings as in `postgresql.conf`. They win over those that are set
    /// here.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let directory = directory::create("postgres");
        give_to_unprivileged(&directory);
        let data = directory.join("data");
        initialise(&directory, &data).await;

        let port = port::free();
        let launch = Launch::new("postgres", &directory)
            .unprivileged()
            // Killed, it would leave shared memory behind.
            .death_signal("QUIT")
            .arguments(["-D".as_ref(), data.as_os_str()])
            .arguments(["-k".as_ref(), directory.as_os_str()])
            .arguments(["-p", &port.to_string()])
            .arguments(["-c", "listen_addresses=127.0.0.1"])
            .arguments(["-c", "max_connections=300"])
            .arguments(["-c", "fsync=off", "-c", "full_page_writes=off"])
            .arguments(
                settings
                    .iter()
                    .flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]),
            );
        let readiness = Readiness::Postmaster(data.join("postmaster.pid"));
        Self {
            service: Service::start(launch, readiness, Signal::INT).await,
            directory,
            port,
            databases: AtomicU32::new(0),
        }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory with the server's Unix socket.
    pub fn socket_directory(&self) -> &Path {
        &self.directory
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Creates an empty database and returns its URL.
    pub async fn create_database(&self) -> String {
        self.create_database_from("template1").await
    }

    /// Creates a copy of a database, named by itself or by its URL, and returns the copy's URL. Nobody may be connected
    /// to the database that is copied.
    pub async fn create_database_from(&self, template: &str) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let database = format!("database_{number}");
        let template = template.rsplit('/').next().unwrap_or(template);
        let statement = format!("CREATE DATABASE {database} TEMPLATE \"{template}\"");
        self.execute("postgres", &statement).await;
        self.url(&database)
    }

    /// Runs statements in a database as the superuser and returns what they answer: a line a row, columns separated by
    /// `|`.
    pub async fn execute(&self, database: &str, statements: &str) -> String {
        let output = Command::new(program::find("psql"))
            .env_clear()
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"])
            .arg("-h")
            .arg(&self.directory)
            .args(["-p", &self.port.to_string(), "-U", "postgres"])
            .args(["-d", database, "-c", statements])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .expect("psql starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statements} failed: {error}");
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    /// Ends it in good order, with all connections, and leaves it down.
    pub async fn stop(&mut self) {
        self.service.stop().await;
    }

    /// Ends it in good order if it runs, and starts it on the same port and data.
    pub async fn restart(&mut self) {
        self.service.stop().await;
        self.service.start_again().await;
    }

    /// Kills it as a crash would, and starts it on the same port and data.
    pub async fn kill(&mut self) {
        self.service.kill();
        // It refuses to start while processes of the killed one still use the shared memory.
        let deadline = Instant::now() + ORPHANS_LIMIT;
        while let Err(reason) = self.service.try_start().await {
            assert!(
                Instant::now() < deadline,
                "{reason}:\n{}",
                self.service.end_of_log()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// All that it has printed.
    pub fn log(&self) -> String {
        self.service.log()
    }
}

async fn initialise(directory: &Path, data: &Path) {
    let mut command = Launch::new("initdb", directory)
        .unprivileged()
        .arguments(["-D".as_ref(), data.as_os_str()])
        .arguments(["--username", "postgres", "--auth", "trust", "--no-sync"])
        .arguments(["--encoding", "UTF8", "--locale", "C.UTF-8"])
        .command();
    let status = spawn_blocking(move || command.status())
        .await
        .expect("a thread runs initdb")
        .expect("initdb starts");
    let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
    assert!(status.success(), "initdb failed ({status}):\n{log}");
}
