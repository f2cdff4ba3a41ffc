//! The behaviour that the OCI distribution specification and its additions ask for, over HTTP, one file per noun. See
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>.

#![expect(
    clippy::expect_used,
    reason = "a test reports a broken expectation by panicking"
)]

mod api;
mod blobs;
mod catalog;
mod manifests;
mod mounts;
mod referrers;
mod tags;
mod uploads;

use berth_tests::{Client, Response, client::RequestBuilder};
use serde_json::Value;

/// The target of the answer's `Link: <target>; rel="next"`, if it has one.
fn next_page(response: &Response) -> Option<String> {
    let link = response.header("link")?;
    let (target, parameters) = link.strip_prefix('<')?.split_once('>')?;
    assert!(
        parameters.contains("rel=\"next\"") || parameters.contains("rel=next"),
        "no next page in {link}"
    );
    Some(berth_tests::client::path_of(target).to_owned())
}

/// All strings of a list that is spread over pages, with the number of pages.
async fn all_pages(client: &Client, first: &str, field: &str) -> (Vec<String>, usize) {
    let (mut found, mut pages, mut next) = (Vec::new(), 0, Some(first.to_owned()));
    while let Some(target) = next {
        let response = client.get(&target).send().await;
        found.extend(strings(&response.expect_status(200).json()[field]));
        pages += 1;
        assert!(pages <= 1000, "the pages of {first} do not end");
        next = next_page(&response);
    }
    (found, pages)
}

/// A JSON array of strings.
fn strings(list: &Value) -> Vec<String> {
    let list = list
        .as_array()
        .unwrap_or_else(|| panic!("not an array: {list}"));
    list.iter()
        .map(|value| value.as_str().expect("a string").to_owned())
        .collect()
}

/// Sends requests at once and returns the statuses of their answers.
async fn statuses_of(requests: impl IntoIterator<Item = RequestBuilder>) -> Vec<u16> {
    let sent = requests.into_iter().map(RequestBuilder::send);
    let answers = futures_util::future::join_all(sent).await;
    answers.iter().map(Response::status).collect()
}

/// Asserts how many of the answers have a status.
#[track_caller]
fn expect_count(statuses: &[u16], status: u16, count: usize) {
    let found = statuses.iter().filter(|&&seen| seen == status).count();
    assert_eq!(found, count, "{statuses:?}");
}
