//! The entrance: the version check that clients begin with, and the page that a person sees.

use berth_tests::{Document, for_each_backend, for_each_registry};
use http::Method;

#[tokio::test]
async fn the_version_check_answers_ok() {
    for_each_registry(async |registry| {
        let response = registry.client().get("/v2/").expect(200).await;
        response.expect_header("docker-distribution-api-version", "registry/2.0");
        assert_eq!(response.json(), serde_json::json!({}));
        registry.client().head("/v2/").expect(200).await;
    })
    .await;
}

#[tokio::test]
async fn a_browser_is_told_what_this_is_and_what_to_paste() {
    for_each_registry(async |registry| {
        let page = registry
            .client()
            .get("/")
            .header("accept", "text/html")
            .expect(200)
            .await;
        assert!(
            page.required_header("content-type")
                .starts_with("text/html"),
            "{page:?}"
        );
        assert!(
            page.text().contains("docker push"),
            "the page has no line to paste: {page:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn every_answer_carries_a_request_id_and_the_callers_own_is_kept() {
    for_each_registry(async |registry| {
        let client = registry.client();
        for path in ["/v2/", "/v2/absent/manifests/1"] {
            let answer = client.get(path).send().await;
            answer.required_header("x-request-id");
        }
        let named = client
            .get("/v2/")
            .header("x-request-id", "trace-4711")
            .send()
            .await;
        named.expect_header("x-request-id", "trace-4711");
    })
    .await;
}

/// What a pull of this image asks for, each meant for the registry of that name.
fn pulls<'a>(image: &'a Document, namespace: &'a str) -> impl Iterator<Item = String> + 'a {
    let targets = [
        "manifests/1".to_owned(),
        format!("manifests/{}", image.digest),
        format!("blobs/{}", image.blobs[0].digest),
        "tags/list".to_owned(),
        format!("referrers/{}", image.digest),
    ];
    targets
        .into_iter()
        .map(move |target| format!("{target}?ns={namespace}"))
}

/// See <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#registry-proxying>.
#[tokio::test]
async fn a_pull_meant_for_this_registry_is_served_and_one_for_another_is_not() {
    for_each_backend(async |builder| {
        let registry = builder
            .option("--external-url", "https://registry.example.org")
            .start()
            .await;
        let repository = registry.repository("team/app");
        let image = repository.push_image("1", 1).await;
        let address = registry.address().to_string();
        for ours in [
            address.as_str(),
            "registry.example.org",
            "Registry.Example.ORG",
        ] {
            for target in pulls(&image, ours) {
                repository.request(Method::GET, &target).expect(200).await;
            }
        }
        for foreign in [
            "docker.io",
            "registry.example.org.evil.example",
            "127.0.0.1",
        ] {
            for target in pulls(&image, foreign) {
                repository
                    .request(Method::GET, &target)
                    .refused(404, "NAME_UNKNOWN")
                    .await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_pull_is_meant_for_the_host_that_it_names_in_its_header_too() {
    for_each_registry(async |registry| {
        let repository = registry.repository("team/app");
        let image = repository.push_image("1", 1).await;
        for target in pulls(&image, "mirror.example:5000") {
            let named = repository.request(Method::GET, &target);
            let named = named.header("host", "mirror.example:5000");
            named.expect(200).await;
            let unnamed = repository.request(Method::GET, &target);
            unnamed.refused(404, "NAME_UNKNOWN").await;
        }
    })
    .await;
}
