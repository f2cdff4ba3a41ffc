//! The catalog: list repositories.

use http::StatusCode;
use oci_types::RepositoryName;
use serde_json::json;

use super::pages;
use crate::api::{Api, Call};
use crate::error::ApiError;
use crate::reply::Reply;
use crate::route::Page;

/// Entries of a page when the client does not say.
const DEFAULT_PAGE: u32 = 1_000;

pub(crate) async fn list(api: &Api, call: &Call, page: Page) -> Result<Reply, ApiError> {
    let access = call.caller.catalog_access()?;
    let limit = page.limit.unwrap_or(DEFAULT_PAGE);
    let mut names = api
        .registry
        .list_repositories(access, page.last.as_deref(), limit + 1)
        .await?;
    let more = pages::cut(&mut names, limit);
    let names: Vec<&str> = names.iter().map(RepositoryName::as_str).collect();
    let reply =
        Reply::new(StatusCode::OK).json(&json!({ "repositories": names }), "application/json");
    Ok(match names.last() {
        Some(last) if more => pages::link_next(reply, "/v2/_catalog", limit, last),
        _ => reply,
    })
}
