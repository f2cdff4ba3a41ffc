//! Manifests: read, put, delete.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION};
use http::{HeaderValue, StatusCode};
use oci_types::{Reference, RepositoryName, Tag};
use registry_core::ManifestPut;
use registry_core::ports::ManifestStat;

use crate::api::{Api, Call};
use crate::error::ApiError;
use crate::extract;
use crate::headers::{DOCKER_CONTENT_DIGEST, OCI_SUBJECT, OCI_TAG, entity_tag, manifest_location};
use crate::reply::Reply;
use crate::route::Part;

pub(crate) async fn read(
    api: &Api,
    call: &Call,
    name: RepositoryName,
    reference: Reference,
    part: Part,
) -> Result<Reply, ApiError> {
    let access = call.caller.pull_access(&name)?;
    let (stat, payload) = match part {
        Part::Head => (api.registry.stat_manifest(&access, &reference).await?, None),
        Part::Whole => {
            let manifest = api.registry.read_manifest(&access, &reference).await?;
            (manifest.stat, Some(manifest.payload))
        }
    };
    let known = extract::entity_tags(call.request.headers(), &IF_NONE_MATCH);
    let fresh = known.is_some_and(|tags| tags.matches(Some(&stat.digest)));
    let status = if fresh {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    let reply = describe(Reply::new(status), &stat, &reference);
    Ok(match payload {
        _ if fresh => reply,
        Some(payload) => reply.bytes(payload),
        None => reply.length(stat.size),
    })
}

fn describe(reply: Reply, stat: &ManifestStat, reference: &Reference) -> Reply {
    // A tag may move at any moment; what a digest names never changes.
    let caching = match reference {
        Reference::Tag(_) => "private, no-cache",
        Reference::Digest(_) => "private, max-age=31536000, immutable",
    };
    let digest = stat.digest.to_string();
    reply
        .text(CONTENT_TYPE, stat.media_type.as_str())
        .text(DOCKER_CONTENT_DIGEST, digest.as_str())
        .text(ETAG, entity_tag(&stat.digest))
        .header(CACHE_CONTROL, HeaderValue::from_static(caching))
        .about_digest(digest)
}

pub(crate) async fn put(
    api: &Api,
    call: Call,
    name: RepositoryName,
    reference: Reference,
    tags: Vec<Tag>,
) -> Result<Reply, ApiError> {
    let access = call.caller.push_access(&name)?;
    let (head, body) = call.request.into_parts();
    let limit = api.registry.settings().max_manifest_bytes;
    let length = body.content_length().unwrap_or(limit).min(limit);
    let _room = api.registry.reserve(length).await?;
    let payload = extract::manifest_bytes(body, limit).await?;
    let put = ManifestPut {
        media_type: extract::manifest_media_type(&head.headers, &payload)?,
        precondition: extract::precondition(&head.headers),
        reference: reference.clone(),
        tags,
        payload,
    };
    let multiple = !put.tags.is_empty();
    let receipt = api.registry.put_manifest(&access, put).await?;
    let mut reply = Reply::new(StatusCode::CREATED)
        .text(LOCATION, manifest_location(&name, &receipt.digest))
        .text(DOCKER_CONTENT_DIGEST, receipt.digest.to_string())
        .text(ETAG, entity_tag(&receipt.digest))
        .length(0)
        .about_digest(receipt.digest.to_string());
    if let Some(subject) = receipt.subject {
        reply = reply.text(OCI_SUBJECT, subject.to_string());
    }
    if multiple {
        reply = name_tags(reply, &receipt.tags);
    }
    Ok(reply)
}

/// Names the accepted tags, several to a header (RFC 9110, section 5.3): some clients read no more than a
/// hundred headers, others no more than 8 KiB of one.
fn name_tags(reply: Reply, tags: &[Tag]) -> Reply {
    const PER_HEADER: usize = 20;
    tags.chunks(PER_HEADER).fold(reply, |reply, tags| {
        let names: Vec<&str> = tags.iter().map(Tag::as_str).collect();
        reply.text(OCI_TAG, names.join(", "))
    })
}

pub(crate) async fn delete(
    api: &Api,
    call: &Call,
    name: RepositoryName,
    reference: Reference,
) -> Result<Reply, ApiError> {
    let access = call.caller.delete_access(&name)?;
    let precondition = extract::precondition(call.request.headers());
    api.registry
        .delete_manifest(&access, &reference, precondition)
        .await?;
    Ok(Reply::new(StatusCode::ACCEPTED).length(0))
}
