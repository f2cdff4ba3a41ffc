//! Routes as clients write them, and everything that is none.

use http::{Method, Uri};
use proptest::prelude::*;

use super::*;

const SHA256: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn target(method: &str, uri: &str) -> Result<Target, RouteError> {
    parse(
        &method.parse::<Method>().unwrap(),
        &uri.parse::<Uri>().unwrap(),
    )
}

fn route(method: &str, uri: &str) -> Result<Route, RouteError> {
    target(method, uri).map(|target| target.route)
}

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

#[test]
fn names_may_contain_every_word_of_the_api() {
    for repository in [
        "a",
        "a/b",
        "a/blobs/b",
        "manifests",
        "blobs/uploads",
        "tags/list",
        "a/referrers/tags",
    ] {
        let read = Route::ReadManifest(name(repository), "v1".parse().unwrap(), Part::Whole);
        assert_eq!(
            route("GET", &format!("/v2/{repository}/manifests/v1")),
            Ok(read)
        );
        let blob = Route::ReadBlob(name(repository), SHA256.parse().unwrap(), Part::Head);
        assert_eq!(
            route("HEAD", &format!("/v2/{repository}/blobs/{SHA256}")),
            Ok(blob)
        );
        let open = Route::OpenUpload(name(repository), UploadRequest::Session(Algorithm::Sha256));
        assert_eq!(
            route("POST", &format!("/v2/{repository}/blobs/uploads/")),
            Ok(open.clone())
        );
        assert_eq!(
            route("POST", &format!("/v2/{repository}/blobs/uploads")),
            Ok(open)
        );
        let tags = Route::ListTags(name(repository), Page::default());
        assert_eq!(
            route("GET", &format!("/v2/{repository}/tags/list")),
            Ok(tags)
        );
    }
}

fn assert_refused(method: &str, uri: &str, expected: &RouteError) {
    assert_eq!(route(method, uri).as_ref(), Err(expected), "{method} {uri}");
}

#[test]
fn names_that_are_none_are_refused() {
    let long = "a".repeat(256);
    for bad in [
        "Upper/x",
        "a/../b",
        "a//b",
        "a/%2e%2e/b",
        "a%2Fb",
        "a%00",
        "a%C0%AF",
        "",
        &long,
    ] {
        assert_refused("GET", &format!("/v2/{bad}/manifests/v1"), &RouteError::Name);
        assert_refused(
            "POST",
            &format!("/v2/{bad}/blobs/uploads/"),
            &RouteError::Name,
        );
    }
}

#[test]
fn digests_that_are_none_are_refused() {
    for bad in [
        "sha256:abc",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha256+x:abc",
        &SHA256.to_uppercase(),
    ] {
        let result = route("GET", &format!("/v2/a/blobs/{bad}"));
        assert!(
            matches!(result, Err(RouteError::Digest(_))),
            "{bad}: {result:?}"
        );
    }
    let upload = "/v2/a/blobs/uploads/5f0c1c1a-7d3b-4b8e-9a39-0c8a5a1f2d3e";
    let twice = format!("{upload}?digest={SHA256}&digest={SHA256}");
    assert_refused("PUT", upload, &RouteError::DigestMissing);
    assert_refused("PUT", &twice, &RouteError::DigestMissing);
    assert_refused(
        "POST",
        upload,
        &RouteError::Method("GET, PATCH, PUT, DELETE"),
    );
    assert_refused(
        "PATCH",
        "/v2/a/blobs/uploads/nonsense",
        &RouteError::UploadUnknown,
    );
}

#[test]
fn tags_that_are_none_are_refused() {
    assert_refused("GET", "/v2/a/manifests/-x", &RouteError::TagUnknown);
    assert_refused("PUT", "/v2/a/manifests/-x", &RouteError::TagInvalid);
    let push = format!("/v2/a/manifests/{SHA256}");
    assert_refused(
        "PUT",
        &format!("{push}?tag=ok&tag=-x"),
        &RouteError::TagInvalid,
    );
    assert_refused(
        "PUT",
        &format!("{push}?{}", "tag=x&".repeat(101)),
        &RouteError::TooManyTags,
    );
}

#[test]
fn other_mistakes_are_told_apart() {
    assert_refused("GET", "/v2/a/tags/list?n=-1", &RouteError::Query("n"));
    assert_refused("GET", "/v2/a/tags/list?n=x", &RouteError::Query("n"));
    for path in [
        "/v2/a",
        "/v3/a/tags/list",
        "/v2a/b/tags/list",
        "/favicon.ico",
    ] {
        assert_refused("GET", path, &RouteError::NoSuchPath);
    }
}

#[test]
fn queries_are_understood() {
    let page = |uri: &str| match route("GET", uri) {
        Ok(Route::ListTags(_, page)) => page,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        page("/v2/a/tags/list?n=1000000000&last=v%2B1").limit,
        Some(MAX_PAGE)
    );
    assert_eq!(
        page("/v2/a/tags/list?n=99999999999999999999").limit,
        Some(MAX_PAGE)
    );
    assert_eq!(page("/v2/a/tags/list?last=v1").last.as_deref(), Some("v1"));
    let open = |query: &str| match route("POST", &format!("/v2/a/blobs/uploads/?{query}")) {
        Ok(Route::OpenUpload(_, request)) => request,
        other => panic!("{other:?}"),
    };
    let digest: Digest = SHA256.parse().unwrap();
    assert_eq!(
        open("digest-algorithm=sha512"),
        UploadRequest::Session(Algorithm::Sha512)
    );
    assert_eq!(
        open(&format!("digest={}", SHA256.replace(':', "%3A"))),
        UploadRequest::Whole(digest)
    );
    assert_eq!(
        open(&format!("mount={SHA256}")),
        UploadRequest::Mount(digest, MountSource::Anywhere)
    );
    assert_eq!(
        open(&format!("mount={SHA256}&from=../b")),
        UploadRequest::Mount(digest, MountSource::Impossible)
    );
    let from = MountSource::Repository(name("b/c"));
    assert_eq!(
        open(&format!("mount={SHA256}&from=b%2Fc&origin=x")),
        UploadRequest::Mount(digest, from)
    );
}

#[test]
fn the_registry_a_pull_is_meant_for_is_kept() {
    let target = target("GET", "/v2/a/manifests/v1?ns=docker.io").unwrap();
    assert_eq!(target.upstream.as_deref(), Some("docker.io"));
    assert!(target.route.is_pull());
}

proptest! {
    #[test]
    fn any_legal_name_comes_back(repository in "[a-z0-9]{1,8}([._-][a-z0-9]{1,4}){0,2}(/(blobs|uploads|tags|list|manifests|[a-z0-9]{1,6})){0,4}") {
        let uri = format!("/v2/{repository}/manifests/latest");
        let expected = Route::ReadManifest(name(&repository), "latest".parse().unwrap(), Part::Whole);
        prop_assert_eq!(route("GET", &uri), Ok(expected));
    }

    #[test]
    fn no_path_panics(path in "/v2/[ -~&&[^ \"<>\\\\^`{|}#]]{0,200}", method in "GET|PUT|POST|PATCH|DELETE|HEAD") {
        if let Ok(uri) = path.parse::<Uri>() {
            let _ = parse(&method.parse().unwrap(), &uri);
        }
    }
}
