//! The operator's listener.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use http_server::{AdminServer, Health, HttpMetrics, ReadinessCheck, ServerConfig};
use prometheus::Registry;
use tokio::{net::TcpStream, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::harness::{Answer, Client, loopback, within};

#[derive(Default)]
struct Switch(AtomicBool);

#[async_trait]
impl ReadinessCheck for Switch {
    fn name(&self) -> &'static str {
        "switch"
    }

    async fn check(&self) -> Result<(), String> {
        if self.0.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err("it is off".to_owned())
        }
    }
}

#[tokio::test]
async fn probes_follow_the_health_and_metrics_are_shown() {
    let switch = Arc::new(Switch::default());
    let health = Arc::new(Health::new(vec![
        Arc::clone(&switch) as Arc<dyn ReadinessCheck>
    ]));
    let registry = Registry::new();
    let _metrics = HttpMetrics::register(&registry).unwrap();
    let config = ServerConfig::default();
    let admin = AdminServer::bind(loopback(), config, Arc::clone(&health), registry)
        .await
        .unwrap();
    let address = admin.local_address();
    let shutdown = CancellationToken::new();
    let mut task = JoinSet::new();
    task.spawn(admin.serve(shutdown.clone()));
    let get = async |path: &str| -> Answer {
        Client::new(TcpStream::connect(address).await.unwrap())
            .get(path)
            .await
    };

    assert_eq!(get("/livez").await.status, 200);
    assert_eq!(get("/startupz").await.status, 503);
    let starting = get("/readyz").await;
    assert_eq!(starting.status, 503);
    assert!(
        starting
            .text()
            .contains("[-] started failed: still starting"),
        "{}",
        starting.text()
    );

    health.has_started();
    assert_eq!(get("/startupz").await.status, 200);
    let off = get("/readyz").await;
    assert_eq!(off.status, 503);
    assert!(
        off.text().contains("[-] switch failed: it is off"),
        "{}",
        off.text()
    );

    switch.0.store(true, Ordering::Relaxed);
    let ready = get("/readyz").await;
    assert_eq!((ready.status, ready.text()), (200, "ok\n"));
    let verbose = get("/readyz?verbose").await;
    assert_eq!(
        verbose.text(),
        "[+] started ok\n[+] not-draining ok\n[+] switch ok\nok\n"
    );

    health.start_draining();
    let draining = get("/readyz").await;
    assert_eq!(draining.status, 503);
    assert!(
        draining
            .text()
            .contains("[-] not-draining failed: shutting down")
    );
    assert_eq!(
        get("/livez").await.status,
        200,
        "draining is no reason to be killed"
    );

    let metrics = get("/metrics").await;
    assert_eq!(
        metrics.header("content-type"),
        Some("text/plain; version=0.0.4")
    );
    assert!(
        metrics
            .text()
            .contains("registry_http_in_flight_requests 0")
    );
    assert_eq!(get("/elsewhere").await.status, 404);

    shutdown.cancel();
    within(task.join_next()).await.unwrap().unwrap();
}

/// Something without which the process is still of use.
struct Luxury;

#[async_trait]
impl ReadinessCheck for Luxury {
    fn name(&self) -> &'static str {
        "luxury"
    }

    fn is_essential(&self) -> bool {
        false
    }

    async fn check(&self) -> Result<(), String> {
        Err("it is away".to_owned())
    }
}

#[tokio::test]
async fn what_is_not_essential_leaves_it_ready() {
    let health = Arc::new(Health::new(vec![Arc::new(Luxury)]));
    health.has_started();
    let config = ServerConfig::default();
    let admin = AdminServer::bind(loopback(), config, health, Registry::new())
        .await
        .unwrap();
    let address = admin.local_address();
    let shutdown = CancellationToken::new();
    let mut task = JoinSet::new();
    task.spawn(admin.serve(shutdown.clone()));
    let stream = TcpStream::connect(address).await.unwrap();
    let answer = Client::new(stream).get("/readyz").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .text()
            .ends_with("[!] luxury failed: it is away\ndegraded\n"),
        "{}",
        answer.text()
    );
    shutdown.cancel();
    within(task.join_next()).await.unwrap().unwrap();
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let health = Arc::new(Health::new(Vec::new()));
    let config = ServerConfig::default();
    let admin = AdminServer::bind(loopback(), config, health, Registry::new())
        .await
        .unwrap();
    let address = admin.local_address();
    let shutdown = CancellationToken::new();
    let mut task = JoinSet::new();
    task.spawn(admin.serve(shutdown.clone()));
    let mut client = Client::new(TcpStream::connect(address).await.unwrap());
    client
        .send("POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        .await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, Some("GET, HEAD"))
    );
    shutdown.cancel();
    within(task.join_next()).await.unwrap().unwrap();
}
