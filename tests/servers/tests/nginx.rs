//! nginx before a few web servers.

use std::{collections::BTreeSet, net::TcpListener};

use berth_test_servers::{Nginx, NginxConfig};

use crate::{
    curl::{Seen, curl},
    origin,
};

#[tokio::test]
async fn servers_take_turns() {
    let ports = [origin::start("one"), origin::start("two")];
    let nginx = Nginx::start(NginxConfig::new(&ports)).await;
    let mut bodies = BTreeSet::new();
    for _ in 0..4 {
        let seen = get(&nginx).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        bodies.insert(seen.body);
    }
    assert_eq!(bodies, BTreeSet::from(["one".to_owned(), "two".to_owned()]));
}

#[tokio::test]
async fn a_server_that_is_down_is_passed_over() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let down = nobody.local_addr().expect("its address").port();
    drop(nobody);
    let nginx = Nginx::start(NginxConfig::new(&[down, origin::start("up")])).await;
    for method in ["GET", "POST", "PATCH", "PUT"] {
        let seen = request(&nginx, method).await;
        assert_eq!((seen.status, seen.body.as_str()), (200, "up"), "{seen:?}");
    }
}

#[tokio::test]
async fn other_servers_take_over_without_a_restart() {
    let [old, new] = [origin::start("old"), origin::start("new")];
    let mut nginx = Nginx::start(NginxConfig::new(&[old])).await;
    for (port, body) in [(new, "new"), (old, "old"), (new, "new")] {
        nginx.set_upstreams(&[port]).await;
        for _ in 0..10 {
            let seen = get(&nginx).await;
            assert_eq!(seen.body, body, "{seen:?}");
            assert_eq!(seen.upstream, format!("127.0.0.1:{port}"));
        }
    }
    nginx.restart().await;
    assert_eq!(get(&nginx).await.body, "new");
    nginx.stop().await;
    assert_eq!(get(&nginx).await.code, 7, "it is down");
}

#[tokio::test]
async fn tls_ends_at_nginx() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let [certificate, key] = ["c.pem", "k.pem"].map(|name| directory.path().join(name));
    let made = tokio::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj"])
        .args(["/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .await
        .expect("openssl starts");
    assert!(made.status.success(), "{made:?}");

    let config = NginxConfig::new(&[origin::start("secret")]).tls(&certificate, &key);
    let nginx = Nginx::start(config).await;
    let url = format!("https://localhost:{}/", nginx.port());
    let authority = certificate.to_str().expect("a path in UTF-8");
    let seen = curl(&["--cacert", authority, &url]).await;
    assert_eq!((seen.status, seen.body.as_str()), (200, "secret"));
}

async fn get(nginx: &Nginx) -> Seen {
    request(nginx, "GET").await
}

async fn request(nginx: &Nginx, method: &str) -> Seen {
    let url = format!("http://127.0.0.1:{}/", nginx.port());
    curl(&["-X", method, &url]).await
}
