//! Tags: list.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use http_server::ResponseBody;
use oci_types::{RepositoryName, Tag};
use registry_core::access::PullAccess;
use registry_core::{Registry, RegistryError};

use super::pages;
use crate::api::{Api, Call};
use crate::error::ApiError;
use crate::reply::Reply;
use crate::route::{MAX_PAGE, Page};

pub(crate) async fn list(
    api: &Api,
    call: &Call,
    name: RepositoryName,
    page: Page,
) -> Result<Reply, ApiError> {
    let access = call.caller.pull_access(&name)?;
    let limit = pages::limit(&page);
    let mut tags = api
        .registry
        .list_tags(&access, page.last.as_deref(), limit + 1)
        .await?;
    let more = pages::cut(&mut tags, limit);
    let reply = Reply::new(StatusCode::OK)
        .header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if more && page.limit.is_none() {
        return Ok(reply.body(everything(api.registry.clone(), access, &tags)));
    }
    let body = [opening(&name), entries(&tags, false), CLOSING.to_owned()].concat();
    let reply = reply.bytes(body.into());
    Ok(match tags.last() {
        Some(last) if more => pages::link_next(
            reply,
            &format!("/v2/{name}/tags/list"),
            limit,
            last.as_str(),
        ),
        _ => reply,
    })
}

const CLOSING: &str = "]}";

fn opening(name: &RepositoryName) -> String {
    format!("{{\"name\":\"{name}\",\"tags\":[")
}

/// Tags as elements of an array. Neither they nor names have a character that JSON escapes.
fn entries(tags: &[Tag], follow: bool) -> String {
    let mut text = String::with_capacity(tags.iter().map(|tag| tag.as_str().len() + 3).sum());
    for (position, tag) in tags.iter().enumerate() {
        if follow || position > 0 {
            text.push(',');
        }
        text.push('"');
        text.push_str(tag.as_str());
        text.push('"');
    }
    text
}

/// All tags, a page in memory at a time: without `n` there is no second page to ask for.
fn everything(registry: Registry, access: PullAccess, first: &[Tag]) -> ResponseBody {
    let start = [opening(access.repository()), entries(first, false)].concat();
    let state = first.last().cloned().map(|last| (registry, access, last));
    let rest = stream::unfold(state, |state| async move {
        let (registry, access, last) = state?;
        Some(
            match registry
                .list_tags(&access, Some(last.as_str()), MAX_PAGE)
                .await
            {
                Ok(tags) => {
                    let next = tags.last().cloned();
                    let text = if next.is_some() {
                        entries(&tags, true)
                    } else {
                        CLOSING.to_owned()
                    };
                    (
                        Ok(Bytes::from(text)),
                        next.map(|last| (registry, access, last)),
                    )
                }
                Err(error) => (Err(broken(error)), None),
            },
        )
    });
    let start = stream::once(async move { Ok(Bytes::from(start)) });
    ResponseBody::unsized_stream(start.chain(rest))
}

/// The status is out already, so all that is left is to break the connection off.
fn broken(error: RegistryError) -> std::io::Error {
    tracing::error!(error = &error as &dyn std::error::Error, "list tags");
    std::io::Error::other(error)
}
