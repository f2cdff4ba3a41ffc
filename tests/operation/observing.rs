//! What an operator sees: probes, metrics, and one line a request, without anything that should stay secret.

use std::time::{Duration, Instant};

use berth_tests::{Document, TestRegistry, for_each_backend};
use serde_json::Value;
use tokio::time::sleep;

#[tokio::test]
async fn probes_answer_on_their_own_address_only() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        for probe in ["/livez", "/readyz", "/startupz", "/readyz?verbose"] {
            registry.admin().get(probe).send().await.expect_status(200);
        }
        for probe in ["/livez", "/readyz", "/startupz", "/metrics"] {
            registry.client().get(probe).send().await.expect_status(404);
        }
        let verbose = registry.admin().get("/readyz?verbose").send().await;
        assert!(
            verbose.text().lines().count() > 1,
            "it lists no checks: {verbose:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn metrics_carry_the_names_that_dashboards_know() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let repository = registry.repository("team/app");
        let image = Document::image(1);
        repository.push("1", &image).await;
        repository.expect_manifest("1", &image).await;
        repository.expect_blob(&image.blobs[0]).await;
        let metrics = registry.metrics().await;
        for name in [
            "registry_http_requests_total",
            "registry_http_request_duration_seconds_bucket",
            "registry_http_in_flight_requests",
            "registry_http_request_size_bytes_sum",
            "registry_http_response_size_bytes_sum",
            "registry_storage_action_seconds_count",
            "registry_database_queries_total",
            "registry_database_query_duration_seconds_count",
        ] {
            assert!(metrics.contains(name), "no {name}");
        }
        let text = registry.admin().get("/metrics").send().await;
        assert!(
            text.required_header("content-type")
                .starts_with("text/plain"),
            "{:?}",
            text.header("content-type")
        );
        // A label for each repository or digest would grow without bounds.
        assert!(!text.text().contains("team/app") && !text.text().contains(&image.digest));
    })
    .await;
}

/// The access lines of a request, once there is one.
async fn access_lines(registry: &TestRegistry, id: &str) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let log = registry.log();
        let lines: Vec<Value> = log
            .lines()
            .filter(|line| line.contains(id))
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        if !lines.is_empty() {
            return lines;
        }
        assert!(Instant::now() < deadline, "no line for {id}:\n{log}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn each_request_is_one_line_without_secrets() {
    for_each_backend(async |builder| {
        let registry = builder
            .environment("BERTH_LOG_FORMAT", "json")
            .start()
            .await;
        let repository = registry.repository("team/app");
        repository.push("1", &Document::image(1)).await;
        let request = registry
            .client()
            .get("/v2/team/app/tags/list?n=5&token=sesame-query")
            .header("x-request-id", "seen-4711");
        request
            .header("authorization", "Basic c2VzYW1lOmhlYWRlcg==")
            .send()
            .await
            .expect_status(200);

        let lines = access_lines(&registry, "seen-4711").await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = lines[0].to_string();
        for word in ["GET", "/v2/team/app/tags/list", "200", "team/app"] {
            assert!(line.contains(word), "no {word} in {line}");
        }
        let log = registry.log();
        for secret in ["sesame", "c2VzYW1lOmhlYWRlcg", "Basic"] {
            assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_fault_of_the_client_is_seen_with_its_code() {
    for_each_backend(async |builder| {
        let registry = builder
            .environment("BERTH_LOG_FORMAT", "json")
            .start()
            .await;
        let request = registry
            .client()
            .get("/v2/Bad/tags/list")
            .header("x-request-id", "seen-4712");
        let answer = request.send().await;
        answer
            .expect_error(400, "NAME_INVALID")
            .expect_header("x-request-id", "seen-4712");
        let lines = access_lines(&registry, "seen-4712").await;
        assert!(lines[0].to_string().contains("NAME_INVALID"), "{lines:?}");
    })
    .await;
}
