//! Contents to push: blobs, manifests and indexes, made on the spot and addressed by digests that are computed here and
//! not taken from the server.

use std::{
    fmt::Write,
    hash::{BuildHasher, RandomState},
};

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};

/// An OCI image manifest.
pub const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The config of an OCI image.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A compressed layer of an OCI image.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// A layer that may not be distributed.
pub const FOREIGN_LAYER: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
/// The empty config of an artifact.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// A Docker image manifest, schema 2.
pub const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// A Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The config of a Docker image.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// A layer of a Docker image.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// The SHA-256 digest of some bytes.
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hexadecimal(&Sha256::digest(bytes)))
}

/// The SHA-512 digest of some bytes.
pub fn sha512(bytes: &[u8]) -> String {
    format!("sha512:{}", hexadecimal(&Sha512::digest(bytes)))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a string takes all that is written");
            text
        })
}

/// Bytes that no compression shrinks and that no other call has returned.
pub fn random_bytes(length: usize) -> Vec<u8> {
    let mut state = RandomState::new().hash_one(length) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // xorshift64: quick, and random enough for content that only has to be unique.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Bytes with their digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The content.
    pub bytes: Bytes,
    /// Its digest.
    pub digest: String,
}

impl Blob {
    /// A blob addressed by SHA-256.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            digest: sha256(&bytes),
            bytes,
        }
    }

    /// A blob that nobody else has.
    pub fn random(length: usize) -> Self {
        Self::new(random_bytes(length))
    }

    /// The same bytes addressed by SHA-512.
    #[must_use]
    pub fn as_sha512(&self) -> Self {
        Self {
            digest: sha512(&self.bytes),
            bytes: self.bytes.clone(),
        }
    }

    /// A descriptor of this blob.
    pub fn descriptor(&self, media_type: &str) -> Value {
        json!({"mediaType": media_type, "digest": self.digest, "size": self.bytes.len()})
    }
}

/// A manifest or an index: bytes with their media type and digest, and the blobs that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The media type to send it as.
    pub media_type: String,
    /// The exact bytes.
    pub bytes: Bytes,
    /// Their digest.
    pub digest: String,
    /// The blobs that must be there first.
    pub blobs: Vec<Blob>,
}

impl Document {
    /// A document of these bytes, sent as this type.
    pub fn new(media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            media_type: media_type.to_owned(),
            digest: sha256(&bytes),
            bytes,
            blobs: Vec::new(),
        }
    }

    /// A document of this JSON, with the white space of a file that people edit: it must come back as it is.
    pub fn json(media_type: &str, value: &Value) -> Self {
        Self::new(
            media_type,
            serde_json::to_vec_pretty(value).expect("JSON can be written"),
        )
    }

    /// Names the blobs that it needs.
    #[must_use]
    pub fn with_blobs(mut self, blobs: impl IntoIterator<Item = Blob>) -> Self {
        self.blobs = blobs.into_iter().collect();
        self
    }

    /// An OCI image with this many small layers of its own.
    pub fn image(layers: usize) -> Self {
        Self::image_with(layers, |_| {})
    }

    /// An OCI image whose manifest is changed before its digest is computed.
    pub fn image_with(layers: usize, change: impl FnOnce(&mut Value)) -> Self {
        let config = Blob::new(format!(
            r#"{{"architecture":"amd64","os":"linux","id":"{}"}}"#,
            Blob::random(16).digest
        ));
        let layers: Vec<_> = (0..layers).map(|_| Blob::random(64)).collect();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "config": config.descriptor(CONFIG),
            "layers": layers.iter().map(|layer| layer.descriptor(LAYER)).collect::<Vec<_>>(),
        });
        change(&mut manifest);
        Self::json(IMAGE, &manifest).with_blobs(layers.into_iter().chain([config]))
    }

    /// An artifact with an empty config that refers to another manifest.
    pub fn referrer(subject: &Value, artifact_type: &str) -> Self {
        let empty = Blob::new("{}");
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "artifactType": artifact_type,
            "config": empty.descriptor(EMPTY),
            "layers": [empty.descriptor(EMPTY)],
            "subject": subject,
            "annotations": {"org.example.id": Blob::random(16).digest},
        });
        Self::json(IMAGE, &manifest).with_blobs([empty])
    }

    /// An index over some manifests.
    pub fn index<'a>(children: impl IntoIterator<Item = &'a Document>) -> Self {
        Self::index_with(children, |_| {})
    }

    /// An index that is changed before its digest is computed.
    pub fn index_with<'a>(
        children: impl IntoIterator<Item = &'a Document>,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let manifests: Vec<_> = children.into_iter().map(Document::descriptor).collect();
        let mut index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        change(&mut index);
        Self::json(INDEX, &index)
    }

    /// The same bytes addressed by SHA-512.
    #[must_use]
    pub fn as_sha512(&self) -> Self {
        Self {
            digest: sha512(&self.bytes),
            ..self.clone()
        }
    }

    /// A descriptor of this document.
    pub fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len()})
    }
}
