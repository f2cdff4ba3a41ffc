//! What is remembered of an image: its manifest, and of its blobs no more than their names. A storm pushes more bytes
//! than a test should hold.

use serde_json::Value;

use crate::{Blob, Document, content::LAYER};

/// The name and length of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) digest: String,
    pub(super) length: usize,
}

impl Piece {
    pub(super) fn of(blob: &Blob) -> Self {
        Self {
            digest: blob.digest.clone(),
            length: blob.bytes.len(),
        }
    }

    fn descriptor(&self) -> Value {
        serde_json::json!({"mediaType": LAYER, "digest": self.digest, "size": self.length})
    }
}

/// An image that was pushed or is being pushed.
#[derive(Clone, Debug)]
pub(super) struct Image {
    /// The manifest, without the bytes of its blobs.
    pub(super) manifest: Document,
    /// Blobs that this image alone names.
    pub(super) own: Vec<Piece>,
    /// Blobs that others may name, too.
    pub(super) shared: Option<Piece>,
}

impl Image {
    /// An image with blobs of its own, which are returned as well, and maybe one more layer.
    pub(super) fn new(layers: usize, shared: Option<Piece>) -> (Self, Vec<Blob>) {
        let mut manifest = Document::image_with(layers, |manifest| {
            let layers = manifest["layers"].as_array_mut();
            layers
                .expect("an image has layers")
                .extend(shared.iter().map(Piece::descriptor));
        });
        let blobs = std::mem::take(&mut manifest.blobs);
        let image = Self {
            manifest,
            own: blobs.iter().map(Piece::of).collect(),
            shared,
        };
        (image, blobs)
    }

    pub(super) fn digest(&self) -> &str {
        &self.manifest.digest
    }

    pub(super) fn blobs(&self) -> impl Iterator<Item = &Piece> {
        self.own.iter().chain(&self.shared)
    }
}
