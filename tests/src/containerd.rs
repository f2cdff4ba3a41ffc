//! containerd on a daemon of the test's own, with all its state below one directory, driven by `ctr`.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::{
    certificates::Certificates,
    tool::{Daemon, Tool},
};

/// A running containerd and its client.
#[derive(Debug)]
pub struct Containerd {
    /// The command `ctr`.
    pub client: Tool,
    home: TempDir,
    // Ends before its directory does.
    daemon: Option<Daemon>,
}

impl Containerd {
    /// Starts one.
    pub async fn start() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().display();
        let settings = format!(
            "version = 2\nroot = \"{path}/state/root\"\nstate = \"{path}/state/run\"\n\
             disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = \"{path}/socket\"\n"
        );
        fs::write(home.path().join("config.toml"), settings).expect("a file");
        let arguments = format!("--config {path}/config.toml");
        let daemon = Tool::new("containerd");
        let mut daemon = daemon.start(arguments.split(' '), &home.path().join("log"));
        let socket = format!("--address {path}/socket --namespace tests");
        let client = Tool::new("ctr")
            .home(home.path())
            .current_directory(home.path())
            .arguments(socket.split(' '));
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

    /// Trusts an authority for one registry, by the option `--hosts-dir hosts`.
    pub fn trust(&self, certificates: &Certificates, host: &str) {
        let directory = self.home().join("hosts").join(host);
        fs::create_dir_all(&directory).expect("a directory");
        let authority = certificates.authority();
        let settings = format!(
            "server = \"https://{host}\"\n[host.\"https://{host}\"]\n  ca = \"{}\"\n",
            authority.display()
        );
        fs::write(directory.join("hosts.toml"), settings).expect("a file");
    }

    /// The digest of a local image.
    pub async fn digest(&self, image: &str) -> String {
        let listed = self.client.line("images list").await.stdout;
        let mut lines = listed.lines().map(str::split_ascii_whitespace);
        let columns = lines.find_map(|mut columns| (columns.next()? == image).then_some(columns));
        let digest = columns.and_then(|mut columns| columns.nth(1));
        digest.expect("the image is there").to_owned()
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        self.daemon.take();
    }
}
