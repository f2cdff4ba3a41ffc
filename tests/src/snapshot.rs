//! What can be seen of the store, for asserting that a refused request has changed nothing: through the API all
//! repositories with their tags and the digests behind them, on disk every file that is not the database's, or every
//! object of the bucket.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::Client;

/// The visible state of a store at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    // repository:tag to the manifest's digest.
    tags: BTreeMap<String, String>,
    repositories: Vec<String>,
    // The path below the data directory, or in the bucket, to its length.
    files: BTreeMap<PathBuf, u64>,
}

impl Snapshot {
    pub(crate) async fn take(client: &Client, files: BTreeMap<PathBuf, u64>) -> Self {
        let repositories = strings(client, "/v2/_catalog?n=10000", "repositories").await;
        let mut tags = BTreeMap::new();
        for repository in &repositories {
            for tag in strings(client, &format!("/v2/{repository}/tags/list"), "tags").await {
                let answer = client
                    .head(&format!("/v2/{repository}/manifests/{tag}"))
                    .send()
                    .await;
                let digest = answer
                    .expect_status(200)
                    .required_header("docker-content-digest")
                    .to_owned();
                tags.insert(format!("{repository}:{tag}"), digest);
            }
        }
        let mut files = files;
        files.retain(|path, _| is_published(path));
        Self {
            tags,
            repositories,
            files,
        }
    }

    /// How many files hold contents.
    pub fn files(&self) -> usize {
        self.files.len()
    }
}

/// What sessions have written so far lies apart or has a name of its own, and stays for a while after they end; so do
/// the files of readiness checks.
fn is_published(path: &Path) -> bool {
    !path.components().any(|part| part.as_os_str() == "uploads")
        && !path.ends_with("probe")
        && !path.ends_with("berth-probe")
        && path.extension().is_none_or(|extension| extension != "tail")
}

async fn strings(client: &Client, target: &str, field: &str) -> Vec<String> {
    let body = client.get(target).send().await.expect_status(200).json();
    let list = body[field]
        .as_array()
        .unwrap_or_else(|| panic!("{target} has no {field}: {body}"));
    list.iter()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

/// Every file below a data directory that is not part of the database, with its length.
pub fn stored_files(data_directory: &Path) -> BTreeMap<PathBuf, u64> {
    let database = database_file(data_directory);
    let stem = database
        .as_deref()
        .map(|path| path.to_string_lossy().into_owned());
    let is_database = |path: &Path| {
        stem.as_deref()
            .is_some_and(|stem| path.to_string_lossy().starts_with(stem))
    };
    let files = files_below(data_directory)
        .into_iter()
        .filter(|(path, _)| !is_database(path));
    files
        .map(|(path, length)| {
            (
                path.strip_prefix(data_directory)
                    .unwrap_or(&path)
                    .to_owned(),
                length,
            )
        })
        .collect()
}

/// The database of an embedded registry, known by the first bytes of its format and not by its name.
pub fn database_file(data_directory: &Path) -> Option<PathBuf> {
    let is_database =
        |path: &PathBuf| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3\0"));
    files_below(data_directory).into_keys().find(is_database)
}

fn files_below(directory: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    // A file that vanishes while we look is not part of the store any more.
    for entry in fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
    {
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => found.append(&mut files_below(&entry.path())),
            Ok(metadata) => drop(found.insert(entry.path(), metadata.len())),
            Err(_) => {}
        }
    }
    found
}
