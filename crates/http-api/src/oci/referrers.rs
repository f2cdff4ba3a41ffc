//! Referrers: list the manifests that refer to a subject (distribution-spec, "Listing Referrers").

use std::collections::BTreeMap;

use http::header::LINK;
use http::{HeaderValue, StatusCode};
use oci_types::{MediaType, RepositoryName};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use registry_core::ports::{Referrer, ReferrerQuery};
use serde::Serialize;

use super::pages;
use crate::api::{Api, Call};
use crate::error::ApiError;
use crate::headers::OCI_FILTERS_APPLIED;
use crate::reply::Reply;
use crate::route::ReferrersPage;

/// Most descriptors of a page.
const MAX_DESCRIPTORS: u32 = 1_000;
/// Most bytes of a page, as clients limit manifests to 4 MiB.
const MAX_BYTES: usize = 4 * 1024 * 1024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u8,
    media_type: &'static str,
    manifests: &'a [Box<serde_json::value::RawValue>],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: &'a str,
    size: u64,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

pub(crate) async fn list(
    api: &Api,
    call: &Call,
    name: RepositoryName,
    page: ReferrersPage,
) -> Result<Reply, ApiError> {
    let access = call.caller.pull_access(&name)?;
    let query = ReferrerQuery {
        subject: page.subject,
        artifact_type: page.artifact_type.clone(),
        after: page.after,
        limit: MAX_DESCRIPTORS + 1,
    };
    let mut referrers = api.registry.list_referrers(&access, &query).await?;
    let mut more = pages::cut(&mut referrers, MAX_DESCRIPTORS);
    let descriptors = fitting(&referrers);
    more |= descriptors.len() < referrers.len();
    let last = referrers
        .get(descriptors.len().wrapping_sub(1))
        .map(|referrer| referrer.cursor);

    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = Index {
        schema_version: 2,
        media_type,
        manifests: &descriptors,
    };
    let mut reply = Reply::new(StatusCode::OK)
        .json(&index, media_type)
        .about_digest(page.subject.to_string());
    if page.artifact_type.is_some() {
        reply = reply.header(
            OCI_FILTERS_APPLIED,
            HeaderValue::from_static("artifactType"),
        );
    }
    Ok(match last {
        Some(last) if more => reply.text(LINK, next(&name, &page, last)),
        _ => reply,
    })
}

/// The descriptors of a page, as many as fit into it; the first always does.
fn fitting(referrers: &[Referrer]) -> Vec<Box<serde_json::value::RawValue>> {
    let mut bytes = 0;
    let mut page = Vec::with_capacity(referrers.len());
    for referrer in referrers {
        let descriptor = Descriptor {
            media_type: referrer.media_type.as_str(),
            size: referrer.size,
            digest: referrer.digest.to_string(),
            artifact_type: referrer.artifact_type.as_ref().map(MediaType::as_str),
            annotations: &referrer.annotations,
        };
        // Strings and numbers always serialise; a failure would end the page early, with a link.
        let Ok(json) = serde_json::value::to_raw_value(&descriptor) else {
            break;
        };
        bytes += json.get().len() + 1;
        if bytes > MAX_BYTES && !page.is_empty() {
            break;
        }
        page.push(json);
    }
    page
}

fn next(name: &RepositoryName, page: &ReferrersPage, last: i64) -> String {
    let filter = page
        .artifact_type
        .as_ref()
        .map_or(String::new(), |artifact_type| {
            format!(
                "&artifactType={}",
                utf8_percent_encode(artifact_type.as_str(), NON_ALPHANUMERIC)
            )
        });
    format!(
        "</v2/{name}/referrers/{}?after={last}{filter}>; rel=\"next\"",
        page.subject
    )
}
