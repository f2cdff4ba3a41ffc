//! docker on a daemon of the test's own, with all its state below one directory, no network of its own and no firewall
//! rules.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    certificates::Certificates,
    tool::{Daemon, Tool},
};

/// A name that is loopback to everybody, but by IPv6: docker checks no certificate for 127.0.0.0/8.
pub const SECURE_HOST: &str = "registry.test";

/// A running Docker daemon and its client.
#[derive(Debug)]
pub struct Docker {
    /// The command `docker`.
    pub client: Tool,
    home: TempDir,
    // Ends before its directory does.
    daemon: Option<Daemon>,
}

impl Docker {
    /// Starts one.
    pub async fn start() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().display();
        let settings = home.path().join("settings");
        fs::create_dir(&settings).expect("a directory");
        let hosts = format!("127.0.0.1 localhost\n::1 {SECURE_HOST}\n");
        fs::write(home.path().join("hosts"), hosts).expect("a file");
        // The daemon keeps its key and looks for certificates in /etc/docker, and nowhere else. In a mount namespace
        // of its own that directory is the test's, and so is the table of host names.
        let enter = format!(
            "mkdir -p /etc/docker && mount --bind {path}/settings /etc/docker && mount --bind {path}/hosts /etc/hosts \
             && exec dockerd --iptables=false --bridge=none --storage-driver=vfs --data-root {path}/data \
             --exec-root {path}/run --pidfile {path}/pid -H unix://{path}/socket"
        );
        let daemon = Tool::new("unshare").home(home.path());
        let mut daemon = daemon.start(["--mount", "sh", "-c", &enter], &home.path().join("log"));
        let client = Tool::new("docker")
            .home(home.path())
            .current_directory(home.path());
        let client = client.environment("DOCKER_HOST", format!("unix://{path}/socket"));
        daemon.wait_for(&client, "version").await;
        Self {
            client,
            home,
            daemon: Some(daemon),
        }
    }

    /// The directory of the test, which ends with the daemon.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Trusts an authority for one registry.
    pub fn trust(&self, certificates: &Certificates, host: &str) {
        let directory = self.home().join("settings/certs.d").join(host);
        fs::create_dir_all(&directory).expect("a directory");
        fs::copy(certificates.authority(), directory.join("ca.crt")).expect("a file is copied");
    }

    /// Makes an image of an archive, which runs its shell, under this name.
    pub async fn import(&self, archive: &Path, image: &str) {
        let archive = archive.to_str().expect("a path of characters");
        let arguments = [
            "import",
            "--platform",
            "linux/amd64",
            "--change=ENTRYPOINT [\"/bin/sh\"]",
            archive,
            image,
        ];
        self.client.run(arguments).await;
    }

    /// The digest that the registry knows a local image by.
    pub async fn digest(&self, image: &str) -> String {
        let inspect = format!("image inspect {image}");
        let printed = self.client.line(&inspect).await.stdout;
        let inspected: Value = serde_json::from_str(&printed).expect("JSON");
        let name = inspected[0]["RepoDigests"][0].as_str();
        let (_, digest) = name
            .and_then(|name| name.split_once('@'))
            .expect("a name with a digest");
        digest.to_owned()
    }

    /// Pushes, removes and pulls an image, and expects the same image.
    pub async fn round_trip(&self, image: &str) -> String {
        let id = format!("image inspect {image} --format {{{{.Id}}}}");
        let before = self.client.line(&id).await.stdout;
        self.client.line(&format!("push {image}")).await;
        let pushed = self.digest(image).await;
        self.client.line(&format!("rmi {image}")).await;
        self.client.line(&format!("pull {image}")).await;
        let after = self.client.line(&id).await.stdout;
        assert_eq!(after, before, "another image came back");
        let pulled = self.digest(image).await;
        assert_eq!(pulled, pushed, "another manifest came back");
        pushed
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        self.daemon.take();
    }
}
