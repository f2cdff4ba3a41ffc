//! The reads: what is asked for, and what a right answer looks like.

use crate::client::Answer;
use crate::registry::request;
use crate::work::image::{Image, LAYER_LENGTH};

/// One way to ask for a part of an image.
#[derive(Debug, Clone, Copy)]
pub(super) enum Read {
    ManifestGetByTag,
    ManifestGetByDigest,
    ManifestHeadByTag,
    BlobHead,
    BlobGet,
}

impl Read {
    pub(super) const ALL: [Self; 5] = [
        Self::ManifestGetByTag,
        Self::ManifestGetByDigest,
        Self::ManifestHeadByTag,
        Self::BlobHead,
        Self::BlobGet,
    ];

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::ManifestGetByTag => "manifest-get-tag",
            Self::ManifestGetByDigest => "manifest-get-digest",
            Self::ManifestHeadByTag => "manifest-head-tag",
            Self::BlobHead => "blob-head",
            Self::BlobGet => "blob-get",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::ManifestGetByTag => "manifest GET by tag",
            Self::ManifestGetByDigest => "manifest GET by digest",
            Self::ManifestHeadByTag => "manifest HEAD by tag",
            Self::BlobHead => "blob HEAD",
            Self::BlobGet => "blob GET 10 KiB",
        }
    }

    pub(super) fn is_of_blobs(self) -> bool {
        match self {
            Self::BlobHead | Self::BlobGet => true,
            Self::ManifestGetByTag | Self::ManifestGetByDigest | Self::ManifestHeadByTag => false,
        }
    }

    pub(super) fn answer(self) -> Answer {
        match self {
            Self::ManifestGetByTag | Self::ManifestGetByDigest | Self::BlobGet => Answer::WithBody,
            Self::ManifestHeadByTag | Self::BlobHead => Answer::HeadOnly,
        }
    }

    pub(super) fn request(self, image: &Image) -> Vec<u8> {
        let Image {
            repository,
            tag,
            manifest_digest,
            layer_digest,
            ..
        } = image;
        match self {
            Self::ManifestGetByTag => request("GET", &format!("/v2/{repository}/manifests/{tag}")),
            Self::ManifestGetByDigest => request(
                "GET",
                &format!("/v2/{repository}/manifests/{manifest_digest}"),
            ),
            Self::ManifestHeadByTag => {
                request("HEAD", &format!("/v2/{repository}/manifests/{tag}"))
            }
            Self::BlobHead => request("HEAD", &format!("/v2/{repository}/blobs/{layer_digest}")),
            Self::BlobGet => request("GET", &format!("/v2/{repository}/blobs/{layer_digest}")),
        }
    }

    /// How long the answer's body is.
    pub(super) fn length(self, image: &Image) -> usize {
        match self {
            Self::ManifestGetByTag | Self::ManifestGetByDigest => image.manifest.len(),
            Self::BlobGet => LAYER_LENGTH,
            Self::ManifestHeadByTag | Self::BlobHead => 0,
        }
    }
}
