//! Header names of the distribution specification, and values made of digests.

use http::HeaderName;
use oci_types::{Digest, RepositoryName};
use registry_core::ports::UploadId;

pub(crate) const DOCKER_API_VERSION: HeaderName =
    HeaderName::from_static("docker-distribution-api-version");
pub(crate) const DOCKER_CONTENT_DIGEST: HeaderName =
    HeaderName::from_static("docker-content-digest");
pub(crate) const DOCKER_UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
pub(crate) const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
pub(crate) const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
pub(crate) const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// A digest as a strong entity tag (RFC 9110, section 8.8.3).
pub(crate) fn entity_tag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// The range of the bytes a session holds. The end is inclusive; docker reads it with `%d-%d`, so
/// that an empty session must say `0-0`.
pub(crate) fn stored_range(committed: u64) -> String {
    format!("0-{}", committed.saturating_sub(1))
}

pub(crate) fn manifest_location(name: &RepositoryName, digest: &Digest) -> String {
    format!("/v2/{name}/manifests/{digest}")
}

pub(crate) fn blob_location(name: &RepositoryName, digest: &Digest) -> String {
    format!("/v2/{name}/blobs/{digest}")
}

pub(crate) fn upload_location(name: &RepositoryName, id: UploadId) -> String {
    format!("/v2/{name}/blobs/uploads/{id}")
}
