//! Manifests: what they name, and whether they mean the same to every reader.
//!
//! A manifest is stored and served byte for byte; this module only reads it, and never writes one.
//! It refuses what two readers could understand differently, because a digest that means one
//! image to a scanner and another to a runtime defeats both (CVE-2021-41190): repeated keys, keys
//! in another case (Go's parser folds it), a body that is image and index at once, or a body that
//! contradicts its `Content-Type`. Fields nobody specified are let through.

mod base64;
mod descriptor_fields;
mod error;
mod foreign_url;
mod parse;
mod strict_json;

use std::collections::BTreeMap;

use crate::{Descriptor, MediaType};

pub use error::ManifestError;
pub use foreign_url::UrlError;
pub use strict_json::{MAXIMUM_DEPTH, MAXIMUM_DESCRIPTORS};

/// A manifest that was found acceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Type it was pushed with.
    pub media_type: MediaType,
    /// What it is.
    pub kind: ManifestKind,
    /// Its configuration, of an image.
    pub config: Option<Descriptor>,
    /// Its layers, or the `blobs` of an artifact.
    pub layers: Vec<Descriptor>,
    /// Its entries, of an index. `BuildKit`'s caches list blobs here.
    pub manifests: Vec<Descriptor>,
    /// The manifest it refers to.
    pub subject: Option<Descriptor>,
    /// What a referrers list says of it: its `artifactType`, else the media type of its config.
    pub artifact_type: Option<MediaType>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

/// What a manifest is, by its media type, or by its fields if the type is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestKind {
    /// It has config, layers or blobs: an OCI image or artifact, a Docker image.
    Image,
    /// It has manifests: an OCI index, a Docker manifest list.
    Index,
    /// A JSON object that names no content by any field we know.
    Other,
}

impl Manifest {
    /// Reads a manifest pushed with this `Content-Type`.
    ///
    /// Known keys mean what the image specification says, whatever the media type. `null` is an
    /// absent field or an empty list, as it is to Go's parser, whose writer produces it for both.
    pub fn parse(content_type: &MediaType, bytes: &[u8]) -> Result<Self, ManifestError> {
        parse::parse(content_type, bytes)
    }

    /// Everything it names but its subject: config, layers, manifests, in this order.
    pub fn descriptors(&self) -> impl Iterator<Item = &Descriptor> {
        self.config
            .iter()
            .chain(&self.layers)
            .chain(&self.manifests)
    }
}

#[cfg(test)]
mod tests;
