//! SeaweedFS: an object store with an S3 gateway, all of its parts in one process.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::process::Signal;
use tokio::sync::OnceCell;

use crate::{
    directory, http,
    launch::Launch,
    port,
    service::{Readiness, Service},
};

const ACCESS_KEY: &str = "berth-seaweedfs";
const SECRET_KEY: &str = "seaweedfs-secret-of-the-tests";
const REGION: &str = "us-east-1";

/// The bit of a mode that says that an entry is a directory, in Go's count.
const DIRECTORY: u64 = 1 << 31;

/// A running SeaweedFS.
#[derive(Debug)]
pub struct SeaweedFs {
    service: Service,
    ports: Ports,
    buckets: AtomicU32,
}

/// Each part listens on a port for HTTP and on one for gRPC.
#[derive(Clone, Copy, Debug)]
struct Ports {
    master: [u16; 2],
    volume: [u16; 2],
    filer: [u16; 2],
    s3: [u16; 2],
}

impl SeaweedFs {
    /// The one that all tests of this process share.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<SeaweedFs> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    /// Starts one for one test alone.
    pub async fn start() -> Self {
        let directory = directory::create("seaweedfs");
        let ports = Ports::free();
        for socket in ports.sockets() {
            directory::remove_at_end(Path::new(&socket));
        }
        let identities = directory.join("identities.json");
        fs::write(&identities, identities_file()).expect("the identities are written");
        let launch = Launch::new("weed", &directory)
            // One volume a bucket instead of seven.
            .environment("WEED_MASTER_VOLUME_GROWTH_COPY_1", "1")
            // Without it, requests for encryption on the server are refused.
            .environment("WEED_S3_SSE_KEK_PASSPHRASE", "of-the-tests")
            .arguments(["-logtostderr=true", "server", "-ip=127.0.0.1", "-s3"])
            .arguments([
                format!("-dir={}", directory.display()),
                format!("-s3.config={}", identities.display()),
                format!("-s3.localSocket={}/s3", directory.display()),
                format!("-filer.localSocket={}/filer", directory.display()),
            ])
            .arguments(ports.arguments())
            .arguments([
                // Alone, it need not wait for the election of a leader.
                "-master.peers=none",
                "-master.telemetry=false",
                // Each bucket has volumes of its own, which grow: there must be no end of them.
                "-master.volumeSizeLimitMB=1024",
                "-volume.max=100000",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
            ]);
        // The gateway may be up before anything can be stored, which the master knows.
        let readiness = Readiness::Answers(vec![
            (ports.s3[0], "/healthz"),
            (ports.filer[0], "/healthz"),
            (ports.master[0], "/dir/assign"),
        ]);
        Self {
            // Asked to end, it takes half a minute, or for ever; killed, it loses nothing that the kernel has.
            service: Service::start(launch, readiness, Signal::KILL).await,
            ports,
            buckets: AtomicU32::new(0),
        }
    }

    /// The URL of its S3 gateway.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// The port of its S3 gateway on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.ports.s3[0]
    }

    /// The access key id of its only user.
    pub fn access_key(&self) -> &'static str {
        ACCESS_KEY
    }

    /// The secret key of its only user.
    pub fn secret_key(&self) -> &'static str {
        SECRET_KEY
    }

    /// The region that requests are signed for.
    pub fn region(&self) -> &'static str {
        REGION
    }

    /// Creates an empty bucket and returns its name. A bucket is a directory of the filer; its first volume is made
    /// here, because the first object would wait 200 ms for it.
    pub async fn create_bucket(&self) -> String {
        let number = self.buckets.fetch_add(1, Ordering::Relaxed);
        let name = format!("bucket-{number}");
        let [filer, _] = self.ports.filer;
        let [master, _] = self.ports.master;
        let steps = [
            (filer, format!("/buckets/{name}/")),
            (master, format!("/vol/grow?collection={name}&count=1")),
        ];
        for (port, target) in steps {
            let answer = http::request(port, "POST", &target, "")
                .await
                .expect("the server answers");
            assert!(answer.status < 300, "POST {target}: {answer:?}");
        }
        name
    }

    /// The objects of a bucket with their lengths, as the filer has them. What belongs to uploads in parts that are
    /// not completed is left out.
    pub async fn objects(&self, bucket: &str) -> BTreeMap<String, u64> {
        let root = format!("/buckets/{bucket}");
        let mut found = BTreeMap::new();
        let mut directories = vec![root.clone()];
        while let Some(directory) = directories.pop() {
            for entry in self.entries(&directory).await {
                let path = entry["FullPath"].as_str().unwrap_or_default().to_owned();
                if entry["Mode"].as_u64().unwrap_or_default() & DIRECTORY == 0 {
                    let length = entry["FileSize"].as_u64().unwrap_or_default();
                    found.insert(path.trim_start_matches(&root).to_owned(), length);
                } else if !path.ends_with("/.uploads") {
                    directories.push(path);
                }
            }
        }
        found
    }

    /// Deletes an object by its name as [`Self::objects`] tells it.
    pub async fn delete(&self, bucket: &str, object: &str) {
        let target = format!("/buckets/{bucket}/{}", object.trim_start_matches('/'));
        let answer = http::request(self.ports.filer[0], "DELETE", &target, "")
            .await
            .expect("the filer answers");
        assert!(answer.status < 300, "DELETE {target}: {answer:?}");
    }

    async fn entries(&self, directory: &str) -> Vec<serde_json::Value> {
        let target = format!("{directory}/?limit=1000000");
        let answer = http::request(self.ports.filer[0], "GET", &target, "")
            .await
            .expect("the filer answers");
        if answer.status == 404 {
            return Vec::new();
        }
        let listing: serde_json::Value =
            serde_json::from_str(&answer.body).expect("the filer lists in JSON");
        listing["Entries"].as_array().cloned().unwrap_or_default()
    }

    /// Ends it and leaves it down.
    pub async fn stop(&mut self) {
        self.service.stop().await;
    }

    /// Ends it if it runs, and starts it on the same ports and data.
    pub async fn restart(&mut self) {
        self.service.stop().await;
        self.service.start_again().await;
    }

    /// Kills it as a crash would, and starts it on the same ports and data.
    pub async fn kill(&mut self) {
        self.service.kill();
        self.service.start_again().await;
    }

    /// All that it has printed.
    pub fn log(&self) -> String {
        self.service.log()
    }
}

impl Ports {
    fn free() -> Self {
        let pair = || [port::free(), port::free()];
        Self {
            master: pair(),
            volume: pair(),
            filer: pair(),
            s3: pair(),
        }
    }

    fn parts(&self) -> [(&'static str, [u16; 2]); 4] {
        [
            ("master", self.master),
            ("volume", self.volume),
            ("filer", self.filer),
            ("s3", self.s3),
        ]
    }

    fn arguments(&self) -> impl Iterator<Item = String> {
        self.parts().into_iter().flat_map(|(part, [http, grpc])| {
            [
                format!("-{part}.port={http}"),
                format!("-{part}.port.grpc={grpc}"),
            ]
        })
    }

    /// Files that no option moves elsewhere.
    fn sockets(&self) -> impl Iterator<Item = String> {
        let parts = self.parts().into_iter();
        parts.map(|(part, [_, grpc])| format!("/tmp/seaweedfs-{part}-grpc-{grpc}.sock"))
    }
}

impl Drop for SeaweedFs {
    fn drop(&mut self) {
        self.service.kill();
        for socket in self.ports.sockets() {
            // It is not there when the part has not started.
            let _ = fs::remove_file(socket);
        }
    }
}

fn identities_file() -> String {
    serde_json::json!({
        "identities": [{
            "name": "berth",
            "credentials": [{ "accessKey": ACCESS_KEY, "secretKey": SECRET_KEY }],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }],
    })
    .to_string()
}
