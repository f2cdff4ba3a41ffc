//! What an operator sees: probes, metrics, and one line a request, without anything that should stay secret.

use std::time::{Duration, Instant};

use berth_tests::{Blob, Document, TestRegistry, for_each_backend};
use serde_json::{Value, json};
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

/// Pushes and pulls an image, after which every metric has been counted.
async fn use_everything_once(registry: &TestRegistry) -> Document {
    let (repository, image) = (registry.repository("team/app"), Document::image(1));
    repository.push("1", &image).await;
    repository.expect_manifest("1", &image).await;
    repository.expect_blob(&image.blobs[0]).await;
    image
}

#[tokio::test]
async fn metrics_carry_the_names_that_dashboards_know() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let image = use_everything_once(&registry).await;
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

/// The names of metrics in the tables of a document: what stands in code there, without its labels.
fn metrics_named_in(document: &str) -> Vec<&str> {
    let rows = document.lines().filter(|line| line.starts_with("| `"));
    let names = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    let names = names.map(|name| name.split('{').next().unwrap_or(name));
    names
        .filter(|name| {
            ["registry_", "tls_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        })
        .collect()
}

/// Metrics of a registry that keeps all it has in files.
const OF_FILES: &[&str] = &["registry_storage_free_bytes", "registry_database_wal_bytes"];

/// Metrics of a registry on `PostgreSQL` and S3.
const OF_SHARED_STORES: &[&str] = &[
    "registry_s3_requests_total",
    "registry_s3_request_seconds",
    "registry_database_connection_wait_seconds",
    "registry_database_retries_total",
];

#[tokio::test]
async fn every_metric_that_the_documents_name_is_there() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        use_everything_once(&registry).await;
        let text = registry.admin().get("/metrics").send().await;
        let named = metrics_named_in(include_str!("../../docs/operations.md"));
        assert!(named.len() >= 8, "the tables are not read: {named:?}");
        let other = match registry.stores() {
            Some(_) => OF_FILES,
            None => OF_SHARED_STORES,
        };
        for name in named.into_iter().filter(|name| !other.contains(name)) {
            let declared = format!("# TYPE {name} ");
            assert!(text.text().contains(&declared), "no {name}");
        }
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

/// The one access line of a request.
async fn access_line(registry: &TestRegistry, id: &str) -> Value {
    let mut lines = access_lines(registry, id).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

/// Asserts the fields of a line; those that are null here must be absent.
#[track_caller]
fn expect_fields(line: &Value, expected: &Value) {
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&line[name], value, "{name} in {line}");
    }
    for name in ["duration_ms", "ttfb_ms", "db_ms", "storage_ms"] {
        let printed = line[name].to_string();
        let places = printed.split_once('.').map_or("", |(_, places)| places);
        assert!(
            line[name].is_number() && places.len() <= 3,
            "{name}: {line}"
        );
    }
    assert_eq!(line["level"], "info", "{line}");
}

#[tokio::test]
async fn each_request_is_one_line_with_what_was_asked_and_answered() {
    for_each_backend(async |builder| {
        let registry = builder
            .environment("BERTH_LOG_FORMAT", "json")
            .start()
            .await;
        let (repository, image) = (registry.repository("team/app"), Document::image(1));
        repository.push("1", &image).await;
        let (manifest, blob) = (&image.bytes, &image.blobs[0]);

        let read = repository.get_manifest("1").header("x-request-id", "seen-read");
        read.send().await.expect_status(200);
        expect_fields(
            &access_line(&registry, "seen-read").await,
            &json!({
                "method": "GET", "path": "/v2/team/app/manifests/1", "status": 200,
                "repository": "team/app", "reference": "1", "digest": image.digest,
                "request_id": "seen-read", "outcome": "complete", "protocol": "HTTP/1.1",
                "bytes_in": 0, "bytes_out": manifest.len(), "error_code": null,
            }),
        );

        let write = repository.put_manifest("2", &image).header("x-request-id", "seen-write");
        write.send().await.expect_status(201);
        let line = access_line(&registry, "seen-write").await;
        assert!(line["db_ms"].as_f64() > Some(0.0), "it was committed: {line}");
        assert_eq!(line["storage_ms"].as_f64(), Some(0.0), "no file is written: {line}");
        expect_fields(
            &line,
            &json!({
                "method": "PUT", "path": "/v2/team/app/manifests/2", "status": 201,
                "repository": "team/app", "reference": "2", "digest": image.digest,
                "request_id": "seen-write", "outcome": "complete",
                "bytes_in": manifest.len(), "bytes_out": 0, "error_code": null,
            }),
        );

        let pushed = Blob::random(1_000);
        let location = repository.start_upload().await;
        let upload = repository.finish_upload(&location, &pushed.digest, &pushed.bytes);
        let upload = upload.header("x-request-id", "seen-upload");
        upload.send().await.expect_status(201);
        let line = access_line(&registry, "seen-upload").await;
        for name in ["db_ms", "storage_ms"] {
            assert!(line[name].as_f64() > Some(0.0), "{name}: {line}");
        }

        let range = repository.get_blob(&blob.digest).header("range", "bytes=10-29");
        let range = range.header("x-request-id", "seen-blob").header("user-agent", "test/1");
        range.send().await.expect_status(206);
        expect_fields(
            &access_line(&registry, "seen-blob").await,
            &json!({
                "method": "GET", "path": format!("/v2/team/app/blobs/{}", blob.digest), "status": 206,
                "repository": "team/app", "reference": null, "digest": blob.digest,
                "request_id": "seen-blob", "user_agent": "test/1", "bytes_in": 0, "bytes_out": 20,
            }),
        );

        let missing = repository.get_manifest("absent").header("x-request-id", "seen-missing");
        let missing = missing.send().await;
        missing.expect_error(404, "MANIFEST_UNKNOWN");
        expect_fields(
            &access_line(&registry, "seen-missing").await,
            &json!({
                "method": "GET", "path": "/v2/team/app/manifests/absent", "status": 404,
                "repository": "team/app", "reference": "absent", "digest": null,
                "request_id": "seen-missing", "error_code": "MANIFEST_UNKNOWN",
                "bytes_in": 0, "bytes_out": missing.body().len(),
            }),
        );
    })
    .await;
}

#[tokio::test]
async fn the_line_of_a_request_has_no_secrets() {
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

        let line = access_line(&registry, "seen-4711").await;
        let expected =
            json!({"path": "/v2/team/app/tags/list", "status": 200, "repository": "team/app"});
        expect_fields(&line, &expected);
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
        let line = access_line(&registry, "seen-4712").await;
        let expected = json!({
            "method": "GET", "path": "/v2/Bad/tags/list", "status": 400, "repository": null,
            "request_id": "seen-4712", "error_code": "NAME_INVALID",
        });
        expect_fields(&line, &expected);
    })
    .await;
}
