//! Toxiproxy before a web server.

use std::time::{Duration, Instant};

use berth_test_servers::{Proxy, Toxiproxy};

use crate::{
    curl::{Seen, curl},
    origin,
};

#[tokio::test]
async fn what_flows_through_can_be_cut_and_healed() {
    let toxiproxy = Toxiproxy::start().await;
    let proxy = toxiproxy.proxy(origin::start("text")).await;
    let untouched = toxiproxy.proxy(origin::start("other")).await;
    assert_eq!(get(&proxy).await.body, "text");

    proxy.cut().await;
    assert_eq!(get(&proxy).await.code, 7, "refused");
    assert_eq!(get(&untouched).await.body, "other");
    proxy.heal().await;
    assert_eq!(get(&proxy).await.body, "text");

    proxy.reset().await;
    assert_eq!(get(&proxy).await.code, 56, "reset");
    proxy.heal().await;
    assert_eq!(get(&proxy).await.body, "text");

    proxy.hang().await;
    let url = format!("http://127.0.0.1:{}/", proxy.port());
    let seen = curl(&["--max-time", "0.3", &url]).await;
    assert_eq!((seen.code, seen.status), (28, 0), "no answer in time");
    proxy.heal().await;
    assert_eq!(get(&proxy).await.body, "text");
}

#[tokio::test]
async fn what_flows_through_can_be_slow() {
    let toxiproxy = Toxiproxy::start().await;
    let proxy = toxiproxy.proxy(origin::start("text")).await;
    proxy.latency(1000).await;
    assert!(time(&proxy).await >= Duration::from_secs(1));
    proxy.heal().await;
    assert!(time(&proxy).await < Duration::from_secs(1));

    // 100 kB at 200 kB/s.
    let large: &'static str = "x".repeat(100_000).leak();
    let proxy = toxiproxy.proxy(origin::start(large)).await;
    proxy.bandwidth(200).await;
    assert!(time(&proxy).await >= Duration::from_millis(400));
}

async fn time(proxy: &Proxy) -> Duration {
    let start = Instant::now();
    assert_eq!(get(proxy).await.status, 200);
    start.elapsed()
}

async fn get(proxy: &Proxy) -> Seen {
    let url = format!("http://127.0.0.1:{}/", proxy.port());
    curl(&[&url]).await
}
