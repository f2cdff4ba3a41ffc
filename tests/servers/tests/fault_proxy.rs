//! Each fault of the fault proxy, seen by a client that signs its requests.

use std::time::{Duration, Instant};

use berth_test_servers::{
    FaultProxy, VersityGw,
    fault_proxy::{Fault, Operation},
};

use crate::{
    curl::{Account, Seen},
    object_stores::{account_of, check, put},
};

/// An object store with a proxy before it and a bucket in it.
struct Setup {
    proxy: FaultProxy,
    through: Account,
    direct: Account,
    bucket: String,
}

impl Setup {
    async fn new() -> Self {
        let server = VersityGw::shared().await;
        let direct = account_of!(server);
        let proxy = FaultProxy::start(&direct.endpoint);
        let through = Account {
            endpoint: proxy.endpoint(),
            ..direct.clone()
        };
        Self {
            proxy,
            through,
            direct,
            bucket: server.create_bucket().await,
        }
    }

    fn target(&self, key: &str) -> String {
        format!("{}/{key}", self.bucket)
    }

    async fn put(&self, key: &str, body: &str) -> Seen {
        self.through.request("PUT", &self.target(key), body).await
    }

    async fn get(&self, key: &str) -> Seen {
        self.through.request("GET", &self.target(key), "").await
    }

    /// Whether the object is there, asked without the proxy.
    async fn stored(&self, key: &str) -> bool {
        let seen = self.direct.request("GET", &self.target(key), "").await;
        seen.status == 200
    }
}

#[tokio::test]
async fn signed_requests_go_through_unchanged() {
    let setup = Setup::new().await;
    // Large enough for curl to wait for "100 Continue".
    let large = "0123456789abcdef".repeat(1_000_000);
    put(&setup.through, &setup.target("a/b%20c-d"), &large).await;
    check(&setup.through, &setup.target("a/b%20c-d"), &large).await;
    check(&setup.direct, &setup.target("a/b%20c-d"), &large).await;

    let target = setup.target("nothing");
    let head = setup.through.request("GET", &target, "").await;
    assert_eq!(head.status, 404);
    assert!(head.body.contains("NoSuchKey"));
    let counts = setup.proxy.counts().into_iter().collect::<Vec<_>>();
    assert_eq!(
        counts,
        [
            (("GET".to_owned(), Operation::GetObject), 2),
            (("PUT".to_owned(), Operation::PutObject), 1),
        ]
    );
    let last = setup.proxy.requests().pop().expect("requests");
    assert_eq!((last.target, last.number), (format!("/{target}"), 2));
    setup.proxy.forget_requests();
    assert_eq!(setup.proxy.count(Operation::GetObject), 0);
}

#[tokio::test]
async fn requests_fail_without_reaching_the_store() {
    let setup = Setup::new().await;
    for (fault, status, code) in [
        (Fault::Fail, 500, "InternalError"),
        (Fault::SlowDown, 503, "SlowDown"),
        (Fault::ErrorInBody, 200, "InternalError"),
    ] {
        setup.proxy.once(Operation::PutObject, fault);
        let seen = setup.put("key", "text").await;
        assert_eq!(seen.status, status, "{seen:?}");
        let code = format!("<Error><Code>{code}</Code>");
        assert!(seen.body.contains(&code), "{seen:?}");
        assert!(!setup.stored("key").await);
    }
    setup.proxy.once(Operation::PutObject, Fault::Disconnect);
    let seen = setup.put("key", "text").await;
    assert_eq!((seen.code, seen.status), (52, 0), "no answer: {seen:?}");
    assert!(!setup.stored("key").await);

    assert_eq!(setup.put("key", "text").await.status, 200, "once is over");
    assert_eq!(setup.proxy.count(Operation::PutObject), 5);
}

#[tokio::test]
async fn an_answer_is_lost_after_the_deed() {
    let setup = Setup::new().await;
    setup.proxy.once(Operation::PutObject, Fault::LoseAnswer);
    let seen = setup.put("key", "text").await;
    assert_eq!(seen.status, 500, "{seen:?}");
    assert!(setup.stored("key").await);
}

#[tokio::test]
async fn a_request_arrives_twice() {
    let setup = Setup::new().await;
    let created = setup
        .through
        .request("POST", &setup.target("key?uploads="), "")
        .await;
    assert_eq!(created.status, 200, "{created:?}");
    let upload = between(&created.body, "<UploadId>", "</UploadId>");
    let address = format!("key?uploadId={upload}");

    // Of two abortions the second does not find what it shall abort.
    let abort = Operation::AbortMultipartUpload;
    setup.proxy.once(abort, Fault::Duplicate);
    let target = setup.target(&address);
    let seen = setup.through.request("DELETE", &target, "").await;
    assert_eq!(seen.status, 404, "{seen:?}");
    assert!(seen.body.contains("NoSuchUpload"), "{seen:?}");
    assert_eq!(setup.proxy.count(abort), 1);

    setup.proxy.once(Operation::PutObject, Fault::Duplicate);
    assert_eq!(setup.put("key", "text").await.status, 200);
    check(&setup.direct, &setup.target("key"), "text").await;
}

#[tokio::test]
async fn an_answer_ends_in_the_middle() {
    let setup = Setup::new().await;
    let body = "0123456789".repeat(10_000);
    put(&setup.direct, &setup.target("key"), &body).await;
    for after in [0, 1, 70_000] {
        setup
            .proxy
            .once(Operation::GetObject, Fault::CutAnswer(after));
        let seen = setup.get("key").await;
        assert_eq!((seen.code, seen.status), (18, 200), "cut after {after}");
        assert_eq!(seen.body, body[..after]);
    }
    assert_eq!(setup.get("key").await.body, body);
}

#[tokio::test]
async fn a_rule_decides_request_by_request() {
    let setup = Setup::new().await;
    setup.proxy.rule(|request| match request.number {
        1 => Fault::SlowDown,
        2 => Fault::Delay(Duration::from_millis(300)),
        _ => Fault::Pass,
    });
    assert_eq!(setup.put("key", "1").await.status, 503);
    let start = Instant::now();
    assert_eq!(setup.put("key", "2").await.status, 200);
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(setup.put("key", "3").await.status, 200);

    setup.proxy.rule(|_| Fault::Fail);
    assert_eq!(setup.get("key").await.status, 500);
    setup.proxy.clear();
    assert_eq!(setup.get("key").await.body, "3");
}

/// It must serve while its test keeps the thread for itself.
#[tokio::test]
async fn it_serves_while_the_test_blocks() {
    let setup = Setup::new().await;
    let url = format!("{}/", setup.proxy.endpoint());
    let output = std::process::Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", &url])
        .output()
        .expect("curl starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "403");
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).expect("the start");
    rest.split_once(end).expect("the end").0
}
