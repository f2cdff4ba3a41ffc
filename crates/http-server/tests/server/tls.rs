//! TLS: both protocols by ALPN, certificates that are renewed, and certificates that are refused.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use http::Method;
use http_body_util::BodyExt;
use http_server::{Certificates, HttpMetrics, Reload, Server, ServerConfig, TlsConfig};
use prometheus::{Registry, TextEncoder};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    harness::{Client, RunningServer, loopback, within},
    http2::{http2, request},
};

/// A directory with a certificate and its key.
struct Files {
    directory: TempDir,
}

impl Files {
    fn new() -> (Self, CertificateDer<'static>) {
        let files = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let certificate = files.renew();
        (files, certificate)
    }

    /// Writes a new pair.
    fn renew(&self) -> CertificateDer<'static> {
        let pair = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(self.certificate(), pair.cert.pem()).unwrap();
        fs::write(self.private_key(), pair.signing_key.serialize_pem()).unwrap();
        pair.cert.into()
    }

    fn certificate(&self) -> PathBuf {
        self.directory.path().join("tls.crt")
    }

    fn private_key(&self) -> PathBuf {
        self.directory.path().join("tls.key")
    }

    fn config(&self) -> TlsConfig {
        TlsConfig {
            certificate: self.certificate(),
            private_key: self.private_key(),
            redirect_listen: None,
            reload_interval: Duration::from_millis(20),
        }
    }
}

async fn connect(
    server: &RunningServer,
    trusted: &CertificateDer<'static>,
    protocol: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    if !protocol.is_empty() {
        config.alpn_protocols = vec![protocol.to_vec()];
    }
    let socket = TcpStream::connect(server.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    within(TlsConnector::from(Arc::new(config)).connect(name, socket)).await
}

async fn start(config: &TlsConfig) -> RunningServer {
    let server = Server::bind(loopback(), ServerConfig::default())
        .await
        .unwrap();
    RunningServer::serve(server.with_tls(config).await.unwrap())
}

#[tokio::test]
async fn both_protocols_are_spoken() {
    let (files, certificate) = Files::new();
    let server = start(&files.config()).await;
    for protocol in [&b""[..], b"http/1.1"] {
        let stream = connect(&server, &certificate, protocol).await.unwrap();
        let mut client = Client::new(stream);
        let answer = client.get("/origin").await;
        assert!(
            answer.text().starts_with("https 127.0.0.1:"),
            "{}",
            answer.text()
        );
        assert_eq!(client.get("/file?3000000").await.body.len(), 3_000_000);
    }
    let stream = connect(&server, &certificate, b"h2").await.unwrap();
    let (mut requests, _driver) = http2(stream).await;
    let response = within(requests.send_request(request(Method::GET, "/origin", ""))).await;
    let body = within(response.unwrap().into_body().collect())
        .await
        .unwrap()
        .to_bytes();
    assert!(body.starts_with(b"https 127.0.0.1:"));
    server.stop().await;
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_sends_on() {
    let (files, certificate) = Files::new();
    let server = start(&files.config()).await;
    let mut client = Client::new(connect(&server, &certificate, b"").await.unwrap());
    let length = 32 << 20;
    client
        .send(format!(
            "PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
        ))
        .await;
    let piece = vec![7; 1 << 20];
    for _ in 0..length / piece.len() {
        client.try_send(&piece).await.unwrap();
    }
    assert_eq!(client.answer().await.status, 403);
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let (files, old) = Files::new();
    let server = start(&files.config()).await;
    let mut before = Client::new(connect(&server, &old, b"").await.unwrap());
    let new = files.renew();
    within(async {
        while connect(&server, &new, b"").await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert!(
        connect(&server, &old, b"").await.is_err(),
        "the old one is gone"
    );
    assert_eq!(
        before.get("/hello").await.status,
        200,
        "open connections live on"
    );
    server.stop().await;
}

#[tokio::test]
async fn the_end_of_the_certificate_is_a_metric() {
    let (files, _) = Files::new();
    let registry = Registry::new();
    let metrics = Arc::new(HttpMetrics::register(&registry).unwrap());
    let server = Server::bind(loopback(), ServerConfig::default())
        .await
        .unwrap();
    let server = server
        .with_tls(&files.config())
        .await
        .unwrap()
        .with_metrics(metrics);
    let expected = server.certificates().unwrap().not_after().unwrap();
    let server = RunningServer::serve(server);
    let line = format!("tls_cert_not_after_seconds {expected}");
    within(async {
        let scrape = || {
            TextEncoder::new()
                .encode_to_string(&registry.gather())
                .unwrap()
        };
        while !scrape().contains(&line) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn a_bad_renewal_keeps_the_old_certificate() {
    let (files, certificate) = Files::new();
    let certificates = Certificates::load(&files.config()).await.unwrap();
    let expires = certificates.not_after().unwrap();
    assert_eq!(certificates.reload().await.unwrap(), Reload::Unchanged);

    let server = start(&files.config()).await;
    let good = fs::read(files.private_key()).unwrap();
    for bad in [&b""[..], b"no PEM at all", other_key().as_bytes()] {
        fs::write(files.private_key(), bad).unwrap();
        assert!(certificates.reload().await.is_err());
        assert!(connect(&server, &certificate, b"").await.is_ok());
    }
    fs::remove_file(files.private_key()).unwrap();
    assert!(certificates.reload().await.is_err());
    assert_eq!(certificates.not_after(), Some(expires));

    fs::write(files.private_key(), good).unwrap();
    assert_eq!(certificates.reload().await.unwrap(), Reload::Unchanged);
    files.renew();
    assert_eq!(certificates.reload().await.unwrap(), Reload::Replaced);
    server.stop().await;
}

fn other_key() -> String {
    let CertifiedKey { signing_key, .. } = generate_simple_self_signed(["x".to_owned()]).unwrap();
    signing_key.serialize_pem()
}

#[tokio::test]
async fn files_that_cannot_be_used_are_explained() {
    let (files, _) = Files::new();
    fs::write(files.private_key(), other_key()).unwrap();
    let message = Certificates::load(&files.config())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("tls.key does not belong to the certificate in"),
        "{message}"
    );

    fs::write(files.private_key(), "").unwrap();
    let message = Certificates::load(&files.config())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        message.ends_with("tls.key holds no unencrypted private key in PEM form"),
        "{message}"
    );

    fs::write(files.certificate(), "").unwrap();
    let message = Certificates::load(&files.config())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        message.ends_with("tls.crt holds no certificate in PEM form"),
        "{message}"
    );

    fs::remove_file(files.certificate()).unwrap();
    let error = Certificates::load(&files.config()).await.unwrap_err();
    assert!(error.to_string().starts_with("read "), "{error}");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_given_up() {
    let (files, _) = Files::new();
    let config = ServerConfig {
        header_timeout: Duration::from_millis(100),
        ..ServerConfig::default()
    };
    let server = Server::bind(loopback(), config).await.unwrap();
    let server = RunningServer::serve(server.with_tls(&files.config()).await.unwrap());
    assert!(server.connect().await.until_closed().await.is_empty());
    let mut plain = server.connect().await;
    plain.send("GET /hello HTTP/1.1\r\n\r\n").await;
    assert!(
        !plain.until_closed().await.starts_with(b"HTTP"),
        "plain HTTP gets a TLS alert"
    );
    server.stop().await;
}

#[tokio::test]
async fn plain_http_is_sent_to_https() {
    let (files, _) = Files::new();
    let config = TlsConfig {
        redirect_listen: Some(loopback()),
        ..files.config()
    };
    let server = Server::bind(loopback(), ServerConfig::default())
        .await
        .unwrap();
    let server = server.with_tls(&config).await.unwrap();
    let redirect = server.redirect_address().unwrap();
    let server = RunningServer::serve(server);
    let mut client = Client::new(TcpStream::connect(redirect).await.unwrap());
    client
        .send("GET /v2/?n=1 HTTP/1.1\r\nHost: registry.example:80\r\n\r\n")
        .await;
    let answer = client.answer().await;
    let port = server.address.port();
    let target = format!("https://registry.example:{port}/v2/?n=1");
    assert_eq!(
        (answer.status, answer.header("location")),
        (308, Some(target.as_str()))
    );
    client.send("GET / HTTP/1.1\r\nX: y\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 400);
    drop(client);
    server.stop().await;
}
