//! What handlers read from a request besides its route.

use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use http_server::{RequestBody, RequestBodyError};
use oci_types::{ContentRange, Digest, MediaType};
use registry_core::{BodyError, Chunk, EntityTags, Precondition, RegistryError, UploadBody};
use serde::Deserialize;

use crate::error::ApiError;

/// The body as the upload use cases want it.
pub(crate) fn upload_body(body: RequestBody) -> UploadBody {
    let length = body.content_length();
    let stream = body
        .into_stream()
        .map(|bytes| bytes.map_err(|error| body_error(&error)));
    UploadBody {
        stream: Box::pin(stream),
        length,
    }
}

/// The body and where in the blob it belongs.
pub(crate) fn chunk(headers: &HeaderMap, body: RequestBody) -> Result<Chunk, ApiError> {
    let range = match headers.get(CONTENT_RANGE) {
        Some(value) => Some(
            value
                .to_str()
                .map_err(|_| ApiError::ContentRange)?
                .parse::<ContentRange>()?,
        ),
        None => None,
    };
    Ok(Chunk {
        body: upload_body(body),
        range,
    })
}

/// A manifest, of at most `limit` bytes.
pub(crate) async fn manifest_bytes(body: RequestBody, limit: u64) -> Result<Bytes, ApiError> {
    let too_large = || ApiError::Registry(RegistryError::ManifestTooLarge { limit });
    if body.content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    match body
        .collect_limited(usize::try_from(limit).unwrap_or(usize::MAX))
        .await
    {
        Ok(bytes) => Ok(bytes),
        Err(RequestBodyError::TooLarge { .. }) => Err(too_large()),
        Err(error) => Err(RegistryError::Body(body_error(&error)).into()),
    }
}

/// The type of a pushed manifest: `Content-Type`, or what the manifest says of itself.
pub(crate) fn manifest_media_type(
    headers: &HeaderMap,
    payload: &[u8],
) -> Result<MediaType, ApiError> {
    #[derive(Deserialize)]
    struct SelfDescription {
        #[serde(rename = "mediaType")]
        media_type: Option<String>,
    }
    let header = headers
        .get(CONTENT_TYPE)
        .map(|value| value.to_str().map_err(|_| ApiError::MediaType));
    let named = match header.transpose()? {
        Some(value) => Some(value.to_owned()),
        None => serde_json::from_slice::<SelfDescription>(payload)
            .ok()
            .and_then(|manifest| manifest.media_type),
    };
    named
        .ok_or(ApiError::MediaType)?
        .parse()
        .map_err(|_| ApiError::MediaType)
}

/// `If-Match` and `If-None-Match`.
pub(crate) fn precondition(headers: &HeaderMap) -> Precondition {
    Precondition {
        if_match: entity_tags(headers, &IF_MATCH),
        if_none_match: entity_tags(headers, &IF_NONE_MATCH),
    }
}

/// The entity tags of a header, if it is there. Those that are not digests match nothing. Weak ones
/// match where the comparison is weak, which is `If-None-Match` alone (RFC 9110, section 13.1.2).
pub(crate) fn entity_tags(headers: &HeaderMap, name: &HeaderName) -> Option<EntityTags> {
    if !headers.contains_key(name) {
        return None;
    }
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut digests = Vec::new();
    for tag in values.flat_map(|value| value.split(',')).map(str::trim) {
        if tag == "*" {
            return Some(EntityTags::Any);
        }
        let strong = match tag.strip_prefix("W/") {
            Some(opaque) if *name == IF_NONE_MATCH => opaque,
            _ => tag,
        };
        let opaque = strong
            .strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'));
        digests.extend(opaque.and_then(|tag| tag.parse::<Digest>().ok()));
    }
    Some(EntityTags::Digests(digests))
}

fn body_error(error: &RequestBodyError) -> BodyError {
    match error {
        RequestBodyError::TooSlow => BodyError::TooSlow,
        RequestBodyError::TooLarge { .. } => BodyError::TooLarge,
        RequestBodyError::Disconnected(_) => BodyError::ClientGone,
        RequestBodyError::Malformed(_) => BodyError::Malformed,
    }
}
