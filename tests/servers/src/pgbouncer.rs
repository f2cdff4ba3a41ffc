//! `PgBouncer` in front of a PostgreSQL.

use std::fs;

use rustix::process::Signal;

use crate::{
    Postgres, directory,
    launch::Launch,
    port,
    service::{Readiness, Service},
};

/// When a connection to the database is given to the next client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMode {
    /// When the client leaves.
    Session,
    /// After each transaction.
    Transaction,
}

/// A running `PgBouncer`, for every database of one PostgreSQL.
#[derive(Debug)]
pub struct PgBouncer {
    service: Service,
    port: u16,
}

impl PgBouncer {
    /// Starts one in front of this PostgreSQL.
    pub async fn start(postgres: &Postgres, mode: PoolMode) -> Self {
        let directory = directory::create("pgbouncer");
        let port = port::free();
        let file = directory.join("pgbouncer.ini");
        fs::write(&file, configuration(postgres.port(), port, mode))
            .expect("the configuration is written");
        let launch = Launch::new("pgbouncer", &directory)
            .unprivileged()
            .arguments([file]);
        Self {
            service: Service::start(launch, Readiness::Listens(port), Signal::TERM).await,
            port,
        }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database through this `PgBouncer`.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Ends it with all connections and leaves it down.
    pub async fn stop(&mut self) {
        self.service.stop().await;
    }

    /// Ends it if it runs, and starts it on the same port.
    pub async fn restart(&mut self) {
        self.service.stop().await;
        self.service.start_again().await;
    }

    /// All that it has printed.
    pub fn log(&self) -> String {
        self.service.log()
    }
}

/// Without passwords (`auth_type = any`) the user must stand beside the database.
fn configuration(upstream: u16, port: u16, mode: PoolMode) -> String {
    let mode = match mode {
        PoolMode::Session => "session",
        PoolMode::Transaction => "transaction",
    };
    format!(
        "[databases]\n\
         * = host=127.0.0.1 port={upstream} user=postgres\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = any\n\
         admin_users = postgres\n\
         pool_mode = {mode}\n\
         default_pool_size = 20\n\
         max_client_conn = 500\n\
         ignore_startup_parameters = extra_float_digits,options\n"
    )
}
