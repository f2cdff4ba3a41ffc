//! `MinIO`: the object store of the benchmarks. `tests/tools/install bench` builds it, which takes minutes, so that
//! no test asks for it.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::process::Signal;
use tokio::process::Command;

use crate::{
    directory,
    launch::Launch,
    port, program,
    service::{Readiness, Service},
};

const ACCESS_KEY: &str = "berth-minio";
const SECRET_KEY: &str = "minio-secret-of-the-benchmarks";
const REGION: &str = "us-east-1";

/// A running `MinIO` with one directory as its drive.
#[derive(Debug)]
pub struct Minio {
    service: Service,
    data: PathBuf,
    port: u16,
    buckets: AtomicU32,
}

impl Minio {
    /// Starts one. It syncs what it stores, as it does by default; its directory must be on a real disk.
    pub async fn start() -> Self {
        let directory = directory::create("minio");
        let data = directory.join("data");
        fs::create_dir(&data).expect("the data directory is created");
        let port = port::free();
        let launch = Launch::new("minio", &directory)
            .environment("MINIO_ROOT_USER", ACCESS_KEY)
            .environment("MINIO_ROOT_PASSWORD", SECRET_KEY)
            .environment("MINIO_SITE_REGION", REGION)
            .environment("MINIO_BROWSER", "off")
            // It would ask the network.
            .environment("MINIO_UPDATE", "off")
            // It walks over all objects again and again, which would disturb what is measured.
            .environment("MINIO_SCANNER_SPEED", "slowest")
            .arguments(["server", "--quiet", "--address"])
            .arguments([format!("127.0.0.1:{port}")])
            .arguments([&data]);
        let readiness = Readiness::Answers(vec![(port, "/minio/health/ready")]);
        Self {
            service: Service::start(launch, readiness, Signal::TERM).await,
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

    /// Creates an empty bucket and returns its name. By a request: a directory would be taken for one too, but its
    /// settings would be looked for on the disk each time.
    pub async fn create_bucket(&self) -> String {
        let number = self.buckets.fetch_add(1, Ordering::Relaxed);
        let name = format!("bucket-{number}");
        let output = Command::new(program::find("curl"))
            .args(["--silent", "--show-error", "--fail", "--request", "PUT"])
            .args(["--aws-sigv4", &format!("aws:amz:{REGION}:s3")])
            .args(["--user", &format!("{ACCESS_KEY}:{SECRET_KEY}")])
            .args(["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"])
            .arg(format!("{}/{name}", self.endpoint()))
            .kill_on_drop(true)
            .output()
            .await
            .expect("curl starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} was not created: {error}");
        name
    }

    /// Where the objects of a bucket are files: large ones as they are, in parts, below their keys.
    pub fn bucket_directory(&self, bucket: &str) -> PathBuf {
        self.data.join(bucket)
    }

    /// All that it has printed.
    pub fn log(&self) -> String {
        self.service.log()
    }
}
