//! The entrance: the version check that clients begin with, and the page that a person sees.

use berth_tests::for_each_backend;

#[tokio::test]
async fn the_version_check_answers_ok() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let response = registry.client().get("/v2/").send().await;
        response
            .expect_status(200)
            .expect_header("docker-distribution-api-version", "registry/2.0");
        assert_eq!(response.json(), serde_json::json!({}));
        registry
            .client()
            .head("/v2/")
            .send()
            .await
            .expect_status(200);
    })
    .await;
}

#[tokio::test]
async fn a_browser_is_told_what_this_is_and_what_to_paste() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let page = registry
            .client()
            .get("/")
            .header("accept", "text/html")
            .send()
            .await;
        page.expect_status(200);
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
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let client = registry.client();
        client
            .get("/v2/")
            .send()
            .await
            .required_header("x-request-id");
        client
            .get("/v2/absent/manifests/1")
            .send()
            .await
            .required_header("x-request-id");
        let named = client
            .get("/v2/")
            .header("x-request-id", "trace-4711")
            .send()
            .await;
        named.expect_header("x-request-id", "trace-4711");
    })
    .await;
}
