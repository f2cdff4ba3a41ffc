//! Lists in pages: `n`, `last`, `Link` (distribution-spec, "Listing Tags").

use http::header::LINK;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::reply::Reply;
use crate::route::{MAX_PAGE, Page};

/// How many entries a page has when the client does not say, or asks for more than that.
pub(super) fn limit(page: &Page) -> u32 {
    page.limit.unwrap_or(MAX_PAGE)
}

/// Cuts a list that was fetched with one entry more than the page has; that entry tells that
/// another page follows. An empty page has no successor.
pub(super) fn cut<T>(entries: &mut Vec<T>, limit: u32) -> bool {
    let limit = limit as usize;
    let more = entries.len() > limit;
    entries.truncate(limit);
    more && limit > 0
}

/// Adds the link to the page after `last`.
pub(super) fn link_next(reply: Reply, path: &str, limit: u32, last: &str) -> Reply {
    let last = utf8_percent_encode(last, NON_ALPHANUMERIC);
    reply.text(
        LINK,
        format!("<{path}?n={limit}&last={last}>; rel=\"next\""),
    )
}
