//! Blobs: read, whole or in part, and delete.

use std::ops::Range;

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH,
    IF_RANGE, LOCATION, RANGE,
};
use http::{HeaderValue, StatusCode};
use http_server::ResponseBody;
use oci_types::{ByteRange, Digest, RepositoryName, ResolvedRange};
use registry_core::BlobDelivery;
use registry_core::ports::{Location, StoredBlob};

use crate::api::{Api, Call};
use crate::error::ApiError;
use crate::extract;
use crate::headers::{DOCKER_CONTENT_DIGEST, entity_tag};
use crate::redirect;
use crate::reply::Reply;
use crate::route::Part;

pub(crate) async fn read(
    api: &Api,
    call: &Call,
    name: RepositoryName,
    digest: Digest,
    part: Part,
) -> Result<Reply, ApiError> {
    let access = call.caller.pull_access(&name)?;
    let headers = call.request.headers();
    let known = extract::entity_tags(headers, &IF_NONE_MATCH)
        .is_some_and(|tags| tags.matches(Some(&digest)));
    let redirect = part == Part::Whole && !known && redirect::may_follow(api, &call.request);
    let blob = if redirect {
        api.registry.locate_blob(&access, &digest).await?
    } else {
        api.registry.find_blob(&access, &digest).await?
    };
    if known {
        return Ok(describe(Reply::new(StatusCode::NOT_MODIFIED), &digest));
    }
    let (status, range) = match part {
        Part::Whole => wanted(headers, &blob)?,
        // Ranges are for GET alone (RFC 9110, section 14.2).
        Part::Head => (StatusCode::OK, 0..blob.size),
    };
    let length = range.end - range.start;
    let mut reply = describe(Reply::new(status), &digest);
    if status == StatusCode::PARTIAL_CONTENT {
        let last = range.end.saturating_sub(1);
        reply = reply.text(
            CONTENT_RANGE,
            format!("bytes {}-{last}/{}", range.start, blob.size),
        );
    }
    match part {
        Part::Head => Ok(reply.length(length)),
        Part::Whole => {
            let delivery = api.registry.deliver_blob(&access, &blob, range, redirect);
            Ok(send(reply, delivery.await?, length, &digest))
        }
    }
}

/// Which bytes are asked for. A range of another version of the blob cannot be: content never changes under a digest, but
/// `If-Range` may name another digest altogether (RFC 9110, section 13.1.5).
fn wanted(headers: &HeaderMap, blob: &StoredBlob) -> Result<(StatusCode, Range<u64>), ApiError> {
    let whole = (StatusCode::OK, 0..blob.size);
    let Some(range) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else {
        return Ok(whole);
    };
    let other = extract::entity_tags(headers, &IF_RANGE)
        .is_some_and(|tags| !tags.matches(Some(&blob.digest)));
    if other {
        return Ok(whole);
    }
    match ByteRange::parse(Some(range)).resolve(blob.size) {
        ResolvedRange::Whole => Ok(whole),
        ResolvedRange::Part {
            start,
            end_inclusive,
        } => Ok((StatusCode::PARTIAL_CONTENT, start..end_inclusive + 1)),
        ResolvedRange::Unsatisfiable => Err(ApiError::RangeNotSatisfiable { size: blob.size }),
    }
}

fn describe(reply: Reply, digest: &Digest) -> Reply {
    let value = HeaderValue::from_static;
    let text = digest.to_string();
    reply
        .header(CONTENT_TYPE, value("application/octet-stream"))
        .header(ACCEPT_RANGES, value("bytes"))
        .header(CACHE_CONTROL, value("private, max-age=31536000, immutable"))
        .text(DOCKER_CONTENT_DIGEST, text.as_str())
        .text(ETAG, entity_tag(digest))
        .about_digest(text)
}

fn send(reply: Reply, delivery: BlobDelivery, length: u64, digest: &Digest) -> Reply {
    match delivery {
        BlobDelivery::Bytes(Location::File(file)) => {
            reply
                .length(length)
                .body(ResponseBody::file(file.file, file.offset, file.length))
        }
        BlobDelivery::Bytes(Location::Stream(stream)) => reply
            .length(length)
            .body(ResponseBody::stream(stream, length)),
        BlobDelivery::Redirect(url) => Reply::new(StatusCode::TEMPORARY_REDIRECT)
            .secret(LOCATION, url)
            // The URL is a capability that expires.
            .header(CACHE_CONTROL, HeaderValue::from_static("private, no-store"))
            .text(DOCKER_CONTENT_DIGEST, digest.to_string())
            .about_digest(digest.to_string())
            .length(0),
    }
}

pub(crate) async fn delete(
    api: &Api,
    call: &Call,
    name: RepositoryName,
    digest: Digest,
) -> Result<Reply, ApiError> {
    let access = call.caller.delete_access(&name)?;
    api.registry.delete_blob(&access, &digest).await?;
    Ok(Reply::new(StatusCode::ACCEPTED)
        .length(0)
        .about_digest(digest.to_string()))
}
