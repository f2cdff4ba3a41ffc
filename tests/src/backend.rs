//! The pairs of metadata and blob backends that the suites run over. A case is written once and runs on each pair; a
//! new pair is a variant here and an arm in the builder, and no suite changes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use berth_test_servers::{Postgres, SeaweedFs};

use crate::{Repository, TestRegistry, registry::Builder, tool::Tool};

/// A pair of metadata and blob storage that a registry can run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// `SQLite` and a directory: what `berth serve` uses when nothing is configured.
    Embedded,
    /// `PostgreSQL` and a bucket, as pods in production share them.
    Shared,
}

impl Backend {
    /// Every pair.
    pub const ALL: [Self; 2] = [Self::Embedded, Self::Shared];
}

/// A database and a bucket that any number of pods may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedStores {
    /// Of the database.
    pub metadata_url: String,
    /// Of the bucket.
    pub storage_url: String,
    /// What opens the bucket.
    pub credentials: Credentials,
    bucket: String,
}

/// Where a registry can be, as options name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Of the database.
    pub metadata_url: String,
    /// Of the blobs.
    pub storage_url: String,
    /// What opens a bucket.
    pub credentials: Option<Credentials>,
}

impl Place {
    /// The stores of an embedded registry, named one by one.
    pub fn inside(directory: &Path) -> Self {
        Self {
            metadata_url: format!("sqlite:{}", directory.join("metadata.db").display()),
            storage_url: format!("file:{}", directory.join("storage").display()),
            credentials: None,
        }
    }
}

impl From<&SharedStores> for Place {
    fn from(stores: &SharedStores) -> Self {
        Self {
            metadata_url: stores.metadata_url.clone(),
            storage_url: stores.storage_url.clone(),
            credentials: Some(stores.credentials.clone()),
        }
    }
}

/// An identity of the S3 server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Its name.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
}

impl SharedStores {
    /// Empty ones, on servers that this process shares.
    pub async fn fresh() -> Self {
        Self::on(Postgres::shared().await).await
    }

    /// Empty ones: a database of this server, and a bucket of the object store that this process shares.
    pub async fn on(database: &Postgres) -> Self {
        let storage = SeaweedFs::shared().await;
        let bucket = storage.create_bucket().await;
        Self {
            metadata_url: database.create_database().await,
            // Clients are sent to a name: crane follows no redirect to a private address.
            storage_url: format!(
                "s3://{bucket}?endpoint={}&public_endpoint=http://localhost:{}&region={}&path_style=true",
                storage.endpoint(),
                storage.port(),
                storage.region()
            ),
            credentials: Credentials {
                access_key: storage.access_key().to_owned(),
                secret_key: storage.secret_key().to_owned(),
            },
            bucket,
        }
    }

    /// The same stores, with the bucket behind a proxy on this port. Clients that are sent to the bucket go past it.
    pub async fn through(&self, port: u16) -> Self {
        let direct = format!("?endpoint={}&", SeaweedFs::shared().await.endpoint());
        let proxied = format!("?endpoint=http://127.0.0.1:{port}&");
        Self {
            storage_url: self.storage_url.replace(&direct, &proxied),
            ..self.clone()
        }
    }

    /// The same stores, with one more parameter of the bucket's URL, such as `part_size=5MiB`.
    #[must_use]
    pub fn with(&self, parameter: &str) -> Self {
        Self {
            storage_url: format!("{}&{parameter}", self.storage_url),
            ..self.clone()
        }
    }

    /// The name of the database.
    pub fn database(&self) -> &str {
        let name = self.metadata_url.rsplit('/').next();
        name.expect("a URL with a path")
    }

    /// The keys of the uploads in parts that were begun and neither completed nor aborted, as the bucket itself lists
    /// them.
    pub async fn unfinished_uploads(&self) -> Vec<String> {
        let storage = SeaweedFs::shared().await;
        let signature = format!("aws:amz:{}:s3", storage.region());
        let Credentials {
            access_key,
            secret_key,
        } = &self.credentials;
        let user = format!("{access_key}:{secret_key}");
        let url = format!("{}/{}?uploads=", storage.endpoint(), self.bucket);
        let signed = ["-sSf", "--aws-sigv4", &signature, "--user", &user, &url];
        let listed = Tool::new("curl").run(signed).await.stdout;
        let keys = listed.split("<Key>").skip(1);
        keys.filter_map(|rest| Some(rest.split_once("</Key>")?.0.to_owned()))
            .collect()
    }

    /// Deletes an object behind the registry's back.
    pub async fn lose(&self, object: &Path) {
        let storage = SeaweedFs::shared().await;
        storage
            .delete(&self.bucket, &object.to_string_lossy())
            .await;
    }

    /// The objects in the bucket with their lengths.
    pub async fn objects(&self) -> BTreeMap<PathBuf, u64> {
        let objects = SeaweedFs::shared().await.objects(&self.bucket).await;
        let path = |(name, length): (String, u64)| (PathBuf::from(name), length);
        objects.into_iter().map(path).collect()
    }
}

/// Runs a case on the embedded pair alone, because it is about files.
pub async fn on_embedded(case: impl AsyncFn(Builder)) {
    case(Builder::new(Backend::Embedded)).await;
}

/// Runs a case on every pair, one after the other, each on a fresh registry that the case configures and starts.
pub async fn for_each_backend(case: impl AsyncFn(Builder)) {
    for backend in Backend::ALL {
        case(Builder::new(backend)).await;
    }
}

/// Runs a case on a fresh registry of every pair, with all defaults.
pub async fn for_each_registry(case: impl AsyncFn(TestRegistry)) {
    for backend in Backend::ALL {
        let registry = Builder::new(backend).start().await;
        case(registry).await;
    }
}

/// Runs a case in an empty repository, named `team/app`, of a fresh registry of every pair.
pub async fn in_each_repository(case: impl AsyncFn(Repository)) {
    for backend in Backend::ALL {
        let registry = Builder::new(backend).start().await;
        case(registry.repository("team/app")).await;
    }
}
