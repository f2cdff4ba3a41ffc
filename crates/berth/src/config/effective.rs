//! The configuration that is in force, and where each of its values comes from.

use std::collections::BTreeMap;

use super::layers::Given;
use super::problem::{Origin, redacted};
use super::settings::{Setting, settings};
use super::{Anonymous, Configuration, MetadataUrl, StorageUrl, is_loopback};

/// A configuration that obeys the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effective {
    configuration: Configuration,
    given: BTreeMap<String, Given>,
}

/// A setting with the value that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) setting: &'static Setting,
    /// What may be shown of it; `None` when it is not set and nothing stands in for it.
    pub(crate) value: Option<String>,
    pub(crate) origin: Origin,
}

impl Effective {
    pub(super) fn new(configuration: Configuration, given: BTreeMap<String, Given>) -> Self {
        Self {
            configuration,
            given,
        }
    }

    /// The values as they were set, or their defaults.
    pub(crate) fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// What was set, and where.
    pub(super) fn given(&self) -> &BTreeMap<String, Given> {
        &self.given
    }

    /// Where metadata is kept.
    pub(crate) fn metadata_url(&self) -> MetadataUrl {
        let inside = || MetadataUrl::inside(&self.configuration.data_dir);
        self.configuration
            .metadata
            .url
            .clone()
            .unwrap_or_else(inside)
    }

    /// Where blobs are kept.
    pub(crate) fn storage_url(&self) -> StorageUrl {
        let inside = || StorageUrl::inside(&self.configuration.data_dir);
        self.configuration
            .storage
            .url
            .clone()
            .unwrap_or_else(inside)
    }

    /// What clients without credentials may do: this machine is trusted as long as nobody says otherwise, others
    /// are not.
    pub(crate) fn anonymous(&self) -> Anonymous {
        let unset = if is_loopback(self.configuration.listen.socket().ip()) {
            Anonymous::Push
        } else {
            Anonymous::None
        };
        self.configuration.anonymous.unwrap_or(unset)
    }

    /// Where the value of the setting at `path` comes from.
    pub(crate) fn origin(&self, path: &str) -> Origin {
        self.given
            .get(path)
            .map_or(Origin::Default, |given| given.origin.clone())
    }

    /// Every setting.
    pub(crate) fn in_force(&self) -> Vec<InForce> {
        let values = serde_json::to_value(&self.configuration).unwrap_or_default();
        let value = |setting: &Setting| {
            let section = setting
                .section
                .as_ref()
                .map_or(Some(&values), |section| values.get(section));
            match section.and_then(|section| section.get(&setting.key)) {
                Some(serde_json::Value::String(text)) => Some(text.clone()),
                Some(other) => Some(other.to_string()),
                None => self.standing_in(&setting.path()),
            }
        };
        let in_force = |setting: &'static Setting| {
            let origin = self.origin(&setting.path());
            InForce {
                setting,
                value: value(setting).map(|value| redacted(&value)),
                origin,
            }
        };
        settings().iter().map(in_force).collect()
    }

    /// What is used for a setting that nobody set and that follows from others.
    fn standing_in(&self, path: &str) -> Option<String> {
        match path {
            "metadata.url" => Some(self.metadata_url().to_string()),
            "storage.url" => Some(self.storage_url().to_string()),
            "anonymous" => serde_json::to_value(self.anonymous())
                .ok()?
                .as_str()
                .map(str::to_owned),
            _ => None,
        }
    }
}
