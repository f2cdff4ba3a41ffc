//! What lies under which number in a database that `benches/scale/load.sql` filled. It must say the same as that file.

use blob_hash::digest;
use oci_types::{Algorithm, Digest, RepositoryName, Tag};
use registry_core::ports::{BlobKind, BlobReference};

/// The size of a registry, in percent of 10 million blobs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contents {
    pub(crate) percent: u64,
}

impl Contents {
    pub(crate) fn repositories(self) -> u64 {
        1_000 * self.percent
    }

    /// Repositories that have manifests.
    pub(crate) fn peopled(self) -> u64 {
        950 * self.percent
    }

    pub(crate) fn images(self) -> u64 {
        16_650 * self.percent
    }

    pub(crate) fn bases(self) -> u64 {
        100 * self.percent
    }

    /// Images that a tag names; image `t` has tag `t`.
    pub(crate) fn tags(self) -> u64 {
        10_000 * self.percent - 1_000
    }

    pub(crate) fn signatures(self) -> u64 {
        1_000 * self.percent
    }

    pub(crate) fn home(self, image: u64) -> u64 {
        image % self.peopled()
    }

    pub(crate) fn tag(self, image: u64) -> Tag {
        format!("v{}", image / self.peopled()).parse().unwrap()
    }

    /// The base layer of an image.
    pub(crate) fn base(self, image: u64) -> u64 {
        let namespace = self.home(image) / 20;
        let choice = image / self.peopled() % 10;
        6 * self.images() + (namespace * 13 + choice) % self.bases()
    }

    /// All an image names.
    pub(crate) fn references(self, image: u64) -> Vec<BlobReference> {
        let own = (6 * image..6 * image + 6).map(reference);
        own.chain([reference(self.base(image))]).collect()
    }
}

pub(crate) fn repository(number: u64) -> RepositoryName {
    format!("team-{}/service-{number}", number / 20)
        .parse()
        .unwrap()
}

pub(crate) fn blob(number: u64) -> Digest {
    digest_of("blob", number)
}

pub(crate) fn image(number: u64) -> Digest {
    digest_of("image", number)
}

pub(crate) fn size(blob: u64) -> u64 {
    if blob.is_multiple_of(6) {
        2_000 + blob % 5_000
    } else {
        1_000_000 + blob * 7_919 % 50_000_000
    }
}

pub(crate) fn reference(number: u64) -> BlobReference {
    BlobReference {
        digest: blob(number),
        size: size(number),
        kind: if number.is_multiple_of(6) {
            BlobKind::Config
        } else {
            BlobKind::Layer
        },
    }
}

fn digest_of(kind: &str, number: u64) -> Digest {
    digest(Algorithm::Sha256, format!("{kind} {number}").as_bytes())
}
