//! A small image: 2 KiB of configuration, one layer of 10 KiB, a manifest; every byte its own.

use anyhow::Result;
use berth_benches::samples::{Part, image_manifest};

use crate::content::{BlobFamily, digest_of};
use crate::registry::Pusher;

const CONFIG_LENGTH: usize = 2 * 1024;
pub(super) const LAYER_LENGTH: usize = 10 * 1024;

/// What small images are made of.
pub(super) struct ImageFamily {
    config: BlobFamily,
    layer: BlobFamily,
}

/// A pushed image.
pub(super) struct Image {
    pub(super) repository: String,
    pub(super) tag: String,
    pub(super) manifest: Vec<u8>,
    pub(super) manifest_digest: String,
    pub(super) layer_digest: String,
}

impl ImageFamily {
    pub(super) fn new() -> Self {
        Self {
            config: BlobFamily::new(CONFIG_LENGTH),
            layer: BlobFamily::new(LAYER_LENGTH),
        }
    }

    /// Pushes a new image as clients do: POST and PUT for each blob, then the manifest by tag.
    pub(super) fn push(&self, pusher: &mut Pusher, repository: &str, tag: &str) -> Result<Image> {
        let config = pusher.push_blob(repository, &self.config)?;
        let layer_digest = pusher.push_blob(repository, &self.layer)?;
        let manifest = image_manifest(
            Part {
                digest: &config,
                size: u64::try_from(CONFIG_LENGTH)?,
            },
            &[Part {
                digest: &layer_digest,
                size: u64::try_from(LAYER_LENGTH)?,
            }],
        );
        pusher.put_manifest(repository, tag, &manifest)?;
        Ok(Image {
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            manifest_digest: digest_of(&manifest),
            manifest,
            layer_digest,
        })
    }
}
