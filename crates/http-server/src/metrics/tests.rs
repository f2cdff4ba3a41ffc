//! What a scrape shows after some requests.

use prometheus::TextEncoder;

use super::*;

fn observe(metrics: &HttpMetrics, handler: Option<&'static str>, method: &Method, status: u16) {
    metrics.request_began();
    metrics.request_ended(&Observed {
        handler,
        method,
        status: StatusCode::from_u16(status).unwrap(),
        duration: Duration::from_millis(20),
        bytes_in: 0,
        bytes_out: 5000,
    });
}

fn scrape(registry: &Registry) -> String {
    TextEncoder::new()
        .encode_to_string(&registry.gather())
        .unwrap()
}

#[test]
fn requests_are_counted_by_handler_method_and_code() {
    let registry = Registry::new();
    let metrics = HttpMetrics::register(&registry).unwrap();
    for _ in 0..3 {
        observe(&metrics, Some("blob-get"), &Method::GET, 200);
    }
    observe(&metrics, Some("blob-get"), &Method::GET, 404);
    observe(&metrics, Some("blob-get"), &Method::HEAD, 200);
    observe(&metrics, None, &Method::from_bytes(b"BREW").unwrap(), 405);
    let text = scrape(&registry);
    for line in [
        r#"registry_http_requests_total{code="200",handler="blob-get",method="get"} 3"#,
        r#"registry_http_requests_total{code="404",handler="blob-get",method="get"} 1"#,
        r#"registry_http_requests_total{code="200",handler="blob-get",method="head"} 1"#,
        r#"registry_http_requests_total{code="405",handler="none",method="other"} 1"#,
        r#"registry_http_request_duration_seconds_bucket{handler="blob-get",method="get",le="0.025"} 4"#,
        r#"registry_http_request_duration_seconds_bucket{handler="blob-get",method="get",le="0.01"} 0"#,
        r#"registry_http_response_size_bytes_bucket{handler="blob-get",method="get",le="4096"} 0"#,
        r#"registry_http_response_size_bytes_bucket{handler="blob-get",method="get",le="16384"} 4"#,
        r#"registry_http_request_size_bytes_bucket{handler="blob-get",method="get",le="68719476736"} 4"#,
        "registry_http_in_flight_requests 0",
        "registry_http_connections 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn keys_tell_every_combination_apart() {
    let mut keys = std::collections::HashSet::new();
    for handler in ["a", "bb", NO_ROUTE] {
        for method in [MethodLabel::Get, MethodLabel::Other] {
            for status in [200, 201, 404, 500] {
                let status = StatusCode::from_u16(status).unwrap();
                assert!(keys.insert(Key::new(handler, method, status)));
            }
        }
    }
}

#[test]
fn metrics_register_once_only() {
    let registry = Registry::new();
    HttpMetrics::register(&registry).unwrap();
    assert!(HttpMetrics::register(&registry).is_err());
}
