//! The configuration: what can be set, and what it is set to.
//!
//! Every setting is a field of [`Configuration`] or of one of its sections; the name of its environment variable, its
//! place in the file, its documentation and its default all follow from that field. Four layers are laid over each
//! other: defaults, the YAML file, the environment, the options of the command line.
//!
//! Nothing outside this module reads the environment or a configuration file.

mod effective;
mod elsewhere;
mod layers;
mod problem;
mod render;
mod rules;
mod sections;
mod settings;
mod text;
mod values;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use effective::Effective;
pub(crate) use elsewhere::{Elsewhere, load_elsewhere};
pub(crate) use layers::{Sources, load, load_for_database};
pub(crate) use problem::{Problems, redacted};
pub(crate) use render::{Origins, example, reference, schema, show};
pub(crate) use sections::{AccessLog, Anonymous, Log, LogFormat, LogLevel, Migrate, Redirect};
#[cfg(test)]
use settings::settings;
pub(crate) use values::{
    ByteSize, ExternalUrl, ListenAddress, MetadataUrl, PostgresUrl, StorageUrl, is_loopback,
};

use sections::{
    Admin, Http, Http2, Jobs, Limits, Metadata, MissingReferences, SinglePod, Storage, Tls, Uploads,
};

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Berth configuration")]
pub(crate) struct Configuration {
    /// Address of the registry. Port 0 takes a free one.
    pub(crate) listen: ListenAddress,
    /// The URL by which clients reach the registry, when that is not `listen`: behind a load balancer or a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ExternalUrl", extend("x-default" = "the address it listens on"))]
    pub(crate) external_url: Option<ExternalUrl>,
    /// The directory for everything that is kept, unless `metadata.url` and `storage.url` say otherwise.
    #[schemars(extend("format" = "path"))]
    pub(crate) data_dir: PathBuf,
    /// What clients without credentials may do. Other machines can reach every address but a loopback address, so
    /// there it must be set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Anonymous", extend("x-default" = "push on a loopback address, else to be set"))]
    pub(crate) anonymous: Option<Anonymous>,
    /// What happens to a manifest that names layers or a config which were never pushed. The children of an index
    /// may always be absent.
    pub(crate) missing_references: MissingReferences,
    /// Whether no other pod uses the same PostgreSQL database. With blobs in a directory that must be so, because no
    /// other pod would find them.
    pub(crate) single_pod: SinglePod,
    pub(crate) admin: Admin,
    pub(crate) tls: Tls,
    pub(crate) http: Http,
    pub(crate) http2: Http2,
    pub(crate) limits: Limits,
    pub(crate) metadata: Metadata,
    pub(crate) storage: Storage,
    pub(crate) uploads: Uploads,
    pub(crate) jobs: Jobs,
    pub(crate) log: Log,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            listen: ListenAddress::loopback(5000),
            external_url: None,
            data_dir: "./berth-data".into(),
            anonymous: None,
            missing_references: MissingReferences::Refuse,
            single_pod: SinglePod::No,
            admin: Admin::default(),
            tls: Tls::default(),
            http: Http::default(),
            http2: Http2::default(),
            limits: Limits::default(),
            metadata: Metadata::default(),
            storage: Storage::default(),
            uploads: Uploads::default(),
            jobs: Jobs::default(),
            log: Log::default(),
        }
    }
}
