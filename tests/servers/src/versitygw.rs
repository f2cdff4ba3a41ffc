//! versitygw: S3 on a directory. Objects are files, buckets are directories.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::process::Signal;
use tokio::sync::OnceCell;

use crate::{
    directory,
    launch::Launch,
    port,
    service::{Readiness, Service},
};

const ACCESS_KEY: &str = "berth-versitygw";
const SECRET_KEY: &str = "versitygw-secret-of-the-tests";
const REGION: &str = "us-east-1";

/// A running versitygw.
#[derive(Debug)]
pub struct VersityGw {
    service: Service,
    data: PathBuf,
    port: u16,
    buckets: AtomicU32,
}

impl VersityGw {
    /// The one that all tests of this process share.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<VersityGw> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// Starts one for one test alone.
    pub async fn start() -> Self {
        let directory = directory::create("versitygw");
        let data = directory.join("data");
        fs::create_dir(&data).expect("the data directory is created");
        let port = port::free();
        let launch = Launch::new("versitygw", &directory)
            .arguments(["--port", &format!("127.0.0.1:{port}")])
            .arguments(["--access", ACCESS_KEY, "--secret", SECRET_KEY])
            .arguments(["--region", REGION, "--keep-alive", "--quiet", "posix"])
            .arguments([&data]);
        Self {
            service: Service::start(launch, Readiness::Listens(port), Signal::TERM).await,
            data,
            port,
            buckets: AtomicU32::new(0),
        }
    }

    /// The URL of the server.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The access key id of its only user.
    pub fn access_key(&self) -> &'static str {
        ACCESS_KEY
    }

    /// The secret key of its only user.
    pub fn secret_key(&self) -> &'static str {
        SECRET_KEY
    }

    /// The region that requests must be signed for.
    pub fn region(&self) -> &'static str {
        REGION
    }

    /// Creates an empty bucket and returns its name.
    #[expect(
        clippy::unused_async,
        reason = "the object stores of this crate are called alike"
    )]
    pub async fn create_bucket(&self) -> String {
        let number = self.buckets.fetch_add(1, Ordering::Relaxed);
        let name = format!("bucket-{number}");
        fs::create_dir(self.data.join(&name)).expect("the bucket's directory is created");
        name
    }

    /// Ends it in good order and leaves it down.
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
        self.service.start_again().await;
    }

    /// All that it has printed.
    pub fn log(&self) -> String {
        self.service.log()
    }
}
