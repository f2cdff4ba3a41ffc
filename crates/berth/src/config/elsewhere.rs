//! The same configuration with other stores: where a registry moves to.

use super::effective::Effective;
use super::layers::Given;
use super::problem::{Origin, Problem, Problems};
use super::rules;
use super::{MetadataUrl, StorageUrl};

/// Where a registry moves to, as the options say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Elsewhere<'a> {
    pub(crate) metadata_url: &'a str,
    pub(crate) storage_url: &'a str,
}

const METADATA: &str = "--to-metadata-url";
const STORAGE: &str = "--to-storage-url";

/// What is in force at the new place. What stands beside the old database, a replica and a way for migrations, does not.
pub(crate) fn load_elsewhere(
    here: &Effective,
    elsewhere: Elsewhere<'_>,
) -> Result<Effective, Problems> {
    let wrong = |option: &str, error: String| {
        let origin = Origin::Option(option.to_owned());
        Problems(vec![Problem::at(origin, format!("it must be {error}"))])
    };
    let metadata: MetadataUrl = elsewhere
        .metadata_url
        .parse()
        .map_err(|error: super::values::Expected| wrong(METADATA, error.to_string()))?;
    let storage: StorageUrl =
        elsewhere
            .storage_url
            .parse()
            .map_err(|error: blob_storage::StorageUrlError| {
                let origin = Origin::Option(STORAGE.to_owned());
                Problems(vec![Problem::at(origin, error.to_string())])
            })?;
    let mut configuration = here.configuration().clone();
    configuration.metadata.url = Some(metadata);
    configuration.metadata.migrations_url = None;
    configuration.metadata.replica_url = None;
    configuration.storage.url = Some(storage);
    let mut given = here.given().clone();
    for (path, option, text) in [
        ("metadata.url", METADATA, elsewhere.metadata_url),
        ("storage.url", STORAGE, elsewhere.storage_url),
    ] {
        let origin = Origin::Option(option.to_owned());
        let text = text.to_owned();
        given.insert(path.to_owned(), Given { text, origin });
    }
    let effective = Effective::new(configuration, given);
    match rules::check(&effective) {
        problems if problems.is_empty() => Ok(effective),
        problems => Err(Problems(problems)),
    }
}
