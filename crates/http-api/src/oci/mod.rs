//! The handlers, one file a noun.

pub(crate) mod blobs;
pub(crate) mod catalog;
pub(crate) mod manifests;
mod pages;
pub(crate) mod referrers;
pub(crate) mod tags;
pub(crate) mod uploads;

use http::StatusCode;

use crate::api::Call;
use crate::reply::Reply;

/// `GET /v2/`: yes, this is a registry.
pub(crate) fn version(_call: &Call) -> Reply {
    Reply::new(StatusCode::OK).json(&serde_json::json!({}), "application/json")
}
