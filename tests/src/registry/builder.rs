//! Describes how a registry under test is started, and starts it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use super::{
    TestRegistry,
    process::{Exit, Process},
};
use crate::{
    Client,
    backend::{Backend, Credentials, Place, SharedStores},
    binary,
    certificates::Certificates,
};

/// How the registry speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTPS with a certificate of a private authority.
    Https,
}

/// A registry that is not started yet.
#[derive(Clone, Debug)]
pub struct Builder {
    backend: Backend,
    command: &'static str,
    listen: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    configuration: String,
    data_directory: Option<PathBuf>,
    stores: Option<SharedStores>,
    wrapper: Vec<String>,
    scheme: Scheme,
}

impl Builder {
    /// A registry on free loopback ports with nothing configured.
    pub fn new(backend: Backend) -> Self {
        Self {
            backend,
            command: "serve",
            listen: "127.0.0.1:0".to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            configuration: String::new(),
            data_directory: None,
            stores: None,
            wrapper: Vec::new(),
            scheme: Scheme::Http,
        }
    }

    /// Moves the registry to empty stores of another pair while it serves it.
    #[must_use]
    pub fn moving_to(mut self, target: &Place) -> Self {
        self.command = "move";
        let builder = self
            .environment("BERTH_TO_METADATA_URL", &target.metadata_url)
            .option("--to-storage-url", &target.storage_url);
        match &target.credentials {
            Some(credentials) => builder.credentials(credentials),
            None => builder,
        }
    }

    /// Adds a command line option without a value.
    #[must_use]
    pub fn flag(mut self, name: &str) -> Self {
        self.arguments.push(name.to_owned());
        self
    }

    /// Opens buckets as this identity.
    #[must_use]
    pub fn credentials(self, credentials: &Credentials) -> Self {
        self.environment("AWS_ACCESS_KEY_ID", &credentials.access_key)
            .environment("AWS_SECRET_ACCESS_KEY", &credentials.secret_key)
    }

    /// Adds a command line option with its value.
    #[must_use]
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds lines to its configuration file.
    #[must_use]
    pub fn configuration(mut self, yaml: &str) -> Self {
        self.configuration.push_str(yaml);
        self.configuration.push('\n');
        self
    }

    /// Listens on another address than a free loopback port.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// Keeps its data in this directory, which the test owns.
    #[must_use]
    pub fn data_directory(mut self, path: &Path) -> Self {
        self.data_directory = Some(path.to_owned());
        self
    }

    /// Uses these stores, which other registries may use at the same time.
    #[must_use]
    pub fn stores(mut self, stores: &SharedStores) -> Self {
        self.backend = Backend::Shared;
        self.stores = Some(stores.clone());
        self
    }

    pub(super) fn shared_stores(&self) -> Option<&SharedStores> {
        self.stores.as_ref()
    }

    /// On which pair of stores it runs.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Runs the server through another command, such as `prlimit`, which must end by executing its arguments.
    #[must_use]
    pub fn wrapped_in(mut self, command: &[&str]) -> Self {
        self.wrapper = command.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Serves HTTPS with these certificates.
    #[must_use]
    pub fn tls(mut self, certificates: &Certificates) -> Self {
        self.scheme = Scheme::Https;
        let (certificate, key) = (certificates.certificate(), certificates.private_key());
        self.configuration(&format!(
            "tls:\n  certificate: {}\n  private_key: {}",
            certificate.display(),
            key.display()
        ))
    }

    /// Accepts manifests whose layers were never pushed.
    #[must_use]
    pub fn missing_references_accepted(self) -> Self {
        self.option("--missing-references", "accept")
    }

    /// Starts it and waits until it is ready.
    pub async fn start(mut self) -> TestRegistry {
        self.prepare().await;
        let directory = self
            .data_directory
            .is_none()
            .then(|| tempfile::tempdir().expect("a temporary directory"));
        let data_directory = match (&self.data_directory, &directory) {
            (Some(path), _) => path.clone(),
            (None, Some(directory)) => directory.path().join("data"),
            (None, None) => unreachable!("a directory is made where none is given"),
        };
        let process = self.spawn(&data_directory).await;
        TestRegistry {
            builder: self,
            process,
            _directory: directory,
            data_directory,
        }
    }

    /// Runs a registry that is expected to refuse to start, and returns how it ended.
    pub async fn run_to_exit(mut self) -> Exit {
        self.prepare().await;
        let directory = tempfile::tempdir().expect("a temporary directory");
        let data_directory = self
            .data_directory
            .clone()
            .unwrap_or_else(|| directory.path().join("data"));
        let configuration = self.write_configuration(directory.path());
        let mut process = Process::spawn(self.command(&data_directory, configuration.as_deref()));
        process.wait_for_exit(Duration::from_secs(30)).await
    }

    async fn prepare(&mut self) {
        if self.backend == Backend::Shared && self.stores.is_none() {
            self.stores = Some(SharedStores::fresh().await);
        }
    }

    pub(super) async fn spawn(&self, data_directory: &Path) -> Process {
        // The file is read once, at the start; certificates and data lie elsewhere.
        let directory = tempfile::tempdir().expect("a temporary directory");
        let configuration = self.write_configuration(directory.path());
        let mut process = Process::spawn(self.command(data_directory, configuration.as_deref()));
        process.wait_until_listening().await;
        let admin = Client::new(process.addresses().admin);
        admin
            .wait_for("/readyz", 200, Duration::from_secs(20))
            .await;
        process
    }

    fn write_configuration(&self, directory: &Path) -> Option<PathBuf> {
        if self.configuration.is_empty() {
            return None;
        }
        let path = directory.join("berth.yaml");
        std::fs::write(&path, &self.configuration).expect("the configuration file is written");
        Some(path)
    }

    fn command(&self, data_directory: &Path, configuration: Option<&Path>) -> Command {
        let mut words = self.wrapper.iter();
        let mut command = match words.next() {
            Some(wrapper) => {
                let mut command = Command::new(wrapper);
                command.args(words).arg(binary::berth());
                command
            }
            None => Command::new(binary::berth()),
        };
        // A developer's own settings must not decide what a test sees.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BERTH_"))
        {
            command.env_remove(name);
        }
        command
            .arg(self.command)
            .args(["--listen", &self.listen, "--admin-listen", "127.0.0.1:0"]);
        match &self.stores {
            None => command.arg("--data-dir").arg(data_directory),
            Some(stores) => command
                .args(["--metadata-url", &stores.metadata_url])
                .args(["--storage-url", &stores.storage_url])
                .env("AWS_ACCESS_KEY_ID", &stores.credentials.access_key)
                .env("AWS_SECRET_ACCESS_KEY", &stores.credentials.secret_key),
        };
        if let Some(path) = configuration {
            command.arg("--config").arg(path);
        }
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}
