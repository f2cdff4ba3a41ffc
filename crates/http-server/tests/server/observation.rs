//! What is left of a request: one access line, some metrics, and an answer even after a panic.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use http_server::{ACCESS_LOG_TARGET, HttpMetrics, Server, ServerConfig};
use prometheus::{Registry, TextEncoder};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, filter::LevelFilter, layer::Context, prelude::*};

use crate::{
    frames::FrameClient,
    harness::{RunningServer, loopback, within},
};

type Line = BTreeMap<String, String>;

/// Collects the lines of one target.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<Line>>>);

thread_local! {
    static LISTENING: RefCell<Option<(&'static str, Lines)>> = const { RefCell::new(None) };
}

impl Lines {
    /// Listens on this thread, on which the test's runtime and all its tasks run.
    ///
    /// All tests share one subscriber. Had each its own, what one of them does not want could be
    /// found uninteresting for all.
    fn listen(target: &'static str) -> Self {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            tracing_subscriber::registry()
                .with(LevelFilter::INFO)
                .with(Listeners)
                .init();
        });
        let lines = Self::default();
        LISTENING.set(Some((target, lines.clone())));
        lines
    }

    /// All lines, once there are `count`.
    async fn take(&self, count: usize) -> Vec<Line> {
        within(async {
            while self.0.lock().unwrap().len() < count {
                tokio::task::yield_now().await;
            }
        })
        .await;
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Gives each line to who listens on its thread.
struct Listeners;

impl<S: Subscriber> Layer<S> for Listeners {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        LISTENING.with_borrow(|listening| {
            if let Some((target, lines)) = listening
                && event.metadata().target().starts_with(target)
            {
                let mut fields = Fields(Line::new());
                event.record(&mut fields);
                lines.0.lock().unwrap().push(fields.0);
            }
        });
    }
}

struct Fields(Line);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

#[tokio::test]
async fn a_request_leaves_one_line_with_everything_and_no_secret() {
    let lines = Lines::listen(ACCESS_LOG_TARGET);
    let server = RunningServer::start(ServerConfig::default()).await;
    let mut client = server.connect().await;
    client
        .send(
            "GET /record?token=s3cret HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s3cret\r\n\
             User-Agent: crane/1\r\nX-Request-Id: r-1\r\n\r\n",
        )
        .await;
    assert_eq!(client.answer().await.status, 200);
    let mut seen = lines.take(1).await;
    let mut line = seen.pop().unwrap();
    assert!(!format!("{line:?}").contains("s3cret"), "{line:?}");
    for measured in ["duration_ms", "ttfb_ms"] {
        let number: f64 = line.remove(measured).unwrap().parse().unwrap();
        assert!(number >= 0.0);
    }
    assert!(line.remove("client").unwrap().starts_with("127.0.0.1:"));
    let expected = [
        ("message", "request"),
        ("method", "GET"),
        ("path", "/record"),
        ("route", "tag-get"),
        ("repository", "team/app"),
        ("reference", "v1"),
        ("digest", "sha256:00"),
        ("status", "200"),
        ("outcome", "complete"),
        ("bytes_in", "0"),
        ("bytes_out", "8"),
        ("db_ms", "1.25"),
        ("storage_ms", "2.0"),
        ("user_agent", "crane/1"),
        ("protocol", "HTTP/1.1"),
        ("request_id", "r-1"),
        ("upload_id", "u-1"),
        ("error_code", "NAME_UNKNOWN"),
    ];
    let expected: Line = expected
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    assert_eq!(line, expected);
    server.stop().await;
}

#[tokio::test]
async fn a_response_that_its_client_left_lying_is_not_complete() {
    let lines = Lines::listen(ACCESS_LOG_TARGET);
    let server = RunningServer::start(ServerConfig {
        response_stall_timeout: Duration::from_millis(150),
        ..ServerConfig::default()
    })
    .await;
    let mut client = FrameClient::open(&server, 0).await;
    assert!(client.get(1, "/hello").await);
    let line = &lines.take(1).await[0];
    assert_eq!(line["outcome"], "interrupted");
    assert_eq!(line["protocol"], "HTTP/2");
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_request_leaves_a_line_too() {
    let lines = Lines::listen(ACCESS_LOG_TARGET);
    let server = RunningServer::start(ServerConfig::default()).await;
    let get = |path: &str, header: &str| format!("GET /{path} HTTP/1.1\r\n{header}\r\n\r\n");
    for (request, status) in [
        (get("", "X-Folded: a\r\n b"), "400"),
        (get(&"p".repeat(70_000), "Host: x"), "414"),
        (get("", &format!("X-Long: {}", "x".repeat(200_000))), "431"),
    ] {
        let mut client = server.connect().await;
        // The server need not read all of it before it answers and closes.
        let _unread = client.try_send(request.as_bytes()).await;
        assert_eq!(client.answer().await.status.to_string(), status);
        let line = &lines.take(1).await[0];
        assert_eq!(line["status"], status);
        assert_eq!(line["outcome"], "refused");
        assert!(!line["error"].is_empty());
        assert!(line["client"].starts_with("127.0.0.1:"));
    }
    server.stop().await;
}

#[tokio::test]
async fn every_ending_leaves_exactly_one_line() {
    let lines = Lines::listen(ACCESS_LOG_TARGET);
    let server = RunningServer::start(ServerConfig::default()).await;
    let mut client = server.connect().await;
    client
        .send("PUT /count HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde")
        .await;
    client.answer().await;
    client
        .send("HEAD /file?1000 HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    client.head().await;
    client.get(&format!("/{}", "p".repeat(20_000))).await;
    // The client leaves before the answer, and in the middle of it.
    client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.until_arrived().await;
    drop(client);
    let seen = lines.take(4).await;
    let mut client = server.connect().await;
    client
        .send("GET /zeros?100000000 HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    client.head().await;
    drop(client);
    let seen: Vec<_> = seen.into_iter().chain(lines.take(1).await).collect();
    let facts = seen.iter().map(|line| {
        let fact = |name: &str| line[name].clone();
        (fact("status"), fact("outcome"), fact("bytes_in"))
    });
    let expected = [
        ("200", "complete", "5"),
        ("200", "complete", "0"),
        ("414", "complete", "0"),
        ("499", "interrupted", "0"),
        ("200", "interrupted", "0"),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(facts.collect::<Vec<_>>(), expected);
    let sent: u64 = seen[4]["bytes_out"].parse().unwrap();
    assert!(sent < 100_000_000, "{sent}");
    server.stop().await;
    assert!(lines.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_panic_is_answered_and_logged_and_costs_nobody_else() {
    let lines = Lines::listen("http_server");
    let server = RunningServer::start(ServerConfig::default()).await;
    let mut client = server.connect().await;
    client
        .send("GET /panic HTTP/1.1\r\nHost: x\r\nX-Request-Id: p-1\r\n\r\n")
        .await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, answer.header("x-request-id")),
        (500, Some("p-1"))
    );
    assert_eq!(answer.text(), "the server failed to handle the request\n");
    assert_eq!(
        client.get("/hello").await.status,
        200,
        "the connection lives on"
    );
    let seen = lines.take(1).await;
    assert_eq!(seen[0]["request_id"], "p-1");
    assert!(
        format!("{seen:?}").contains("the kettle is empty"),
        "{seen:?}"
    );
    server.stop().await;
}

#[tokio::test]
async fn metrics_count_requests_and_connections() {
    let registry = Registry::new();
    let metrics = Arc::new(HttpMetrics::register(&registry).unwrap());
    let server = Server::bind(loopback(), ServerConfig::default())
        .await
        .unwrap();
    let server = RunningServer::serve(server.with_metrics(metrics));
    let scrape = || {
        TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap()
    };
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.get("/record").await;
    }
    client.get("/nowhere").await;
    client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.until_arrived().await;
    let during = scrape();
    for line in [
        r#"registry_http_requests_total{code="200",handler="tag-get",method="get"} 3"#,
        r#"registry_http_requests_total{code="404",handler="none",method="get"} 1"#,
        r#"registry_http_request_duration_seconds_count{handler="tag-get",method="get"} 3"#,
        r#"registry_http_response_size_bytes_sum{handler="tag-get",method="get"} 24"#,
        "registry_http_in_flight_requests 1",
        "registry_http_connections 1",
    ] {
        assert!(during.contains(line), "{line} is not in\n{during}");
    }
    server.gate.add_permits(1);
    client.answer().await;
    drop(client);
    server.stop().await;
    let after = scrape();
    for line in [
        "registry_http_in_flight_requests 0",
        "registry_http_connections 0",
    ] {
        assert!(after.contains(line), "{line} is not in\n{after}");
    }
}
