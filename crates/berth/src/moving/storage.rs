//! Where blobs are, in one spelling, so that one place is known as the same and two are known to be apart. What says how
//! to talk to a server does not matter.

use std::fs::canonicalize;
use std::path::{Path, PathBuf, absolute};

use anyhow::bail;
use blob_storage::StorageUrl;

use crate::config::Effective;

/// A directory, or a prefix of a bucket.
#[derive(Debug, PartialEq, Eq)]
struct Storage {
    /// What its path is on.
    on: String,
    path: String,
}

impl Storage {
    fn of(url: &StorageUrl) -> Self {
        match url {
            StorageUrl::File(directory) => Self {
                on: "file:".to_owned(),
                path: resolved(directory).display().to_string(),
            },
            StorageUrl::S3(url) => {
                let endpoint = url.endpoint.as_deref().unwrap_or("AWS");
                Self {
                    on: format!("{} s3://", endpoint.trim_end_matches('/').to_lowercase()),
                    path: format!("{}/{}", url.bucket, url.prefix),
                }
            }
        }
    }

    /// Whether one is the other, or is in it.
    fn overlaps(&self, other: &Self) -> bool {
        let [one, two] =
            [self, other].map(|storage| storage.path.trim_end_matches('/').to_owned() + "/");
        self.on == other.on && (one.starts_with(&two) || two.starts_with(&one))
    }
}

/// Without links and dots, as far as it is there.
fn resolved(directory: &Path) -> PathBuf {
    let whole = absolute(directory).unwrap_or_else(|_| directory.to_owned());
    for part in whole.ancestors() {
        if let (Ok(found), Ok(rest)) = (canonicalize(part), whole.strip_prefix(part)) {
            return found.join(rest);
        }
    }
    whole
}

/// What the storage of a registry is called in the marks of its database.
pub(super) fn name(effective: &Effective) -> String {
    let Storage { on, path } = Storage::of(&effective.storage_url().0);
    format!("{on}{}", path.trim_end_matches('/'))
}

/// Refuses a target whose blobs would lie among those of the source: nobody could delete the one without the other.
pub(crate) fn check_apart(source: &Effective, target: &Effective) -> anyhow::Result<()> {
    let [here, there] = [source, target].map(|place| place.storage_url().0);
    if Storage::of(&here).overlaps(&Storage::of(&there)) {
        bail!(
            "the storage {there} is that of the source, {here}, or one is inside the other: name an empty bucket, prefix \
             or directory beside it with --to-storage-url"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(one: &str, other: &str) -> bool {
        let [one, other] = [one, other].map(|url| Storage::of(&url.parse().unwrap()));
        assert_eq!(one.overlaps(&other), other.overlaps(&one));
        one.overlaps(&other)
    }

    #[test]
    fn places_that_overlap_are_known() {
        for (one, other, expected) in [
            ("s3://a/b", "s3://a/b?region=eu-west-1", true),
            ("s3://a", "s3://a/b", true),
            ("s3://a/b", "s3://a/bc", false),
            ("s3://a/b", "s3://a/c", false),
            ("s3://a", "s3://ab", false),
            (
                "s3://a/b",
                "s3://a/b?endpoint=https://s3.example.com",
                false,
            ),
            ("file:/nowhere/a", "file:/nowhere/a/b", true),
            ("file:/nowhere/a", "file:/nowhere/ab", false),
            ("file:/nowhere/a/", "file:/nowhere/a", true),
            ("file:/", "file:/nowhere", true),
            ("file:/a", "s3://a", false),
        ] {
            assert_eq!(overlap(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn a_link_is_what_it_leads_to() {
        let directory = tempfile::tempdir().unwrap();
        let (there, link) = (
            directory.path().join("there"),
            directory.path().join("link"),
        );
        std::fs::create_dir(&there).unwrap();
        std::os::unix::fs::symlink(&there, &link).unwrap();
        let url = |path: &Path| format!("file:{}", path.display());
        assert!(overlap(&url(&there), &url(&link)));
        assert!(overlap(&url(&there), &url(&link.join("not/yet"))));
    }
}
