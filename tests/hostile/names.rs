//! Names, tags and paths.

use crate::case::{Case, REPOSITORY, run};

#[tokio::test]
async fn names() {
    run(|_| {
        let long = format!("team/{}", "a".repeat(251));
        let bad = [
            ("capitals", "Upper/x"),
            ("a step up", "a/../b"),
            ("an empty part", "a//b"),
            ("an encoded step up", "%2e%2e/b"),
            ("an encoded slash", "a%2Fb"),
            ("an encoded nothing", "a%00b"),
            ("an overlong encoding", "a%c0%afb"),
            ("bytes that are no text", "%ff%fe"),
            ("half an encoding", "a%2"),
            ("a separator first", "-a/b"),
            ("a separator last", "a/b-"),
            ("two points", "a..b"),
            ("three underscores", "a___b"),
            ("mixed separators", "a_.b"),
            ("a space", "a%20b"),
            ("256 characters", &long),
        ];
        let targets = |name: &str| {
            [
                ("GET", format!("/v2/{name}/tags/list")),
                ("POST", format!("/v2/{name}/blobs/uploads/")),
            ]
        };
        let rows = bad
            .iter()
            .flat_map(|(what, name)| targets(name).map(|(method, target)| (what, method, target)));
        rows.map(|(what, method, target)| {
            Case::new(what, method, target).refused(400, "NAME_INVALID")
        })
        .collect()
    })
    .await;
}

#[tokio::test]
async fn names_at_the_edge_of_the_grammar_are_names() {
    run(|_| {
        let long = format!("team/{}", "a".repeat(250));
        let good = ["a__b", "a---b", "a.b_c-d/e", "0", "a/blobs/b", &long];
        let rows = good
            .iter()
            .map(|name| Case::new(name, "GET", format!("/v2/{name}/tags/list")));
        rows.map(|case| case.refused(404, "NAME_UNKNOWN")).collect()
    })
    .await;
}

#[tokio::test]
async fn tags() {
    run(|world| {
        let (long, body) = ("a".repeat(129), world.image.bytes.clone());
        let mut cases = Vec::new();
        for (what, tag) in [
            ("a tag of 129 characters", long.as_str()),
            ("a separator first", "-x"),
            ("a plus", "a+b"),
            ("a space", "a%20b"),
        ] {
            let target = format!("/v2/{REPOSITORY}/manifests/{tag}");
            let put = Case::manifest(what, body.clone());
            cases.push(put.at(&target).refused(400, "MANIFEST_INVALID"));
            cases.push(Case::new(what, "GET", target).refused(404, "MANIFEST_UNKNOWN"));
        }
        cases
    })
    .await;
}

#[tokio::test]
async fn paths_and_methods() {
    run(|_| {
        let at = |rest: &str| format!("/v2/{REPOSITORY}/{rest}");
        vec![
            Case::new("nothing at all", "GET", "/v2/team").answered(404),
            Case::new("a noun without an object", "GET", at("manifests")).answered(404),
            Case::new("a noun that is none", "GET", at("things/1")).answered(404),
            Case::new("an API that is not there", "GET", "/v1/search?q=x").answered(404),
            Case::new(
                "a method that manifests have not",
                "POST",
                at("manifests/1"),
            )
            .refused(405, "UNSUPPORTED"),
            Case::new("a method that lists have not", "PUT", at("tags/list"))
                .refused(405, "UNSUPPORTED"),
            Case::new("a method that nobody has", "BREW", at("manifests/1")).answered(405),
            Case::new(
                "another registry's namespace",
                "GET",
                at("manifests/1?ns=evil.example"),
            )
            .refused(404, "NAME_UNKNOWN"),
        ]
    })
    .await;
}

#[tokio::test]
async fn a_host_that_a_stranger_names_is_not_believed() {
    for backend in berth_tests::Backend::ALL {
        let registry = berth_tests::registry::Builder::new(backend).start().await;
        let repository = registry.repository(REPOSITORY);
        let request = repository
            .request(http::Method::POST, "blobs/uploads/")
            .header("host", "evil.example");
        let forwarded = request
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "https");
        let answer = forwarded
            .header("forwarded", "host=evil.example;proto=https")
            .send()
            .await;
        let location = answer.expect_status(202).required_header("location");
        assert!(
            location.starts_with("/v2/"),
            "the location is absolute: {location}"
        );
    }
}
