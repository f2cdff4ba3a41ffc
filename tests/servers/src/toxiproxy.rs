//! Toxiproxy: a TCP proxy that makes a network bad. What flows through it is not looked at, so that it does for any
//! protocol.

use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    directory, http,
    launch::Launch,
    port,
    service::{Readiness, Service},
};

/// A running toxiproxy.
#[derive(Debug)]
pub struct Toxiproxy {
    /// Held for its end.
    _service: Service,
    administration: u16,
    proxies: AtomicU32,
}

/// A way through a toxiproxy to one server. It lasts as long as the toxiproxy.
#[derive(Clone, Debug)]
pub struct Proxy {
    administration: u16,
    name: String,
    port: u16,
}

/// Where something is done to bytes.
#[derive(Clone, Copy, Debug)]
enum Direction {
    ToServer,
    ToClient,
}

impl Toxiproxy {
    /// Starts one, without proxies.
    pub async fn start() -> Self {
        let directory = directory::create("toxiproxy");
        let administration = port::free();
        let launch = Launch::new("toxiproxy-server", &directory).arguments([
            "-host",
            "127.0.0.1",
            "-port",
            &administration.to_string(),
        ]);
        let readiness = Readiness::Answers(vec![(administration, "/version")]);
        Self {
            _service: Service::start(launch, readiness, Signal::TERM).await,
            administration,
            proxies: AtomicU32::new(0),
        }
    }

    /// Opens a way to a port of 127.0.0.1.
    pub async fn proxy(&self, upstream: u16) -> Proxy {
        let number = self.proxies.fetch_add(1, Ordering::Relaxed);
        let proxy = Proxy {
            administration: self.administration,
            name: format!("proxy-{number}"),
            port: port::free(),
        };
        let description = json!({
            "name": proxy.name,
            "listen": format!("127.0.0.1:{}", proxy.port),
            "upstream": format!("127.0.0.1:{upstream}"),
            "enabled": true,
        });
        post(self.administration, "/proxies", &description).await;
        proxy
    }
}

impl Proxy {
    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes all connections and refuses new ones.
    pub async fn cut(&self) {
        self.set_enabled(false).await;
    }

    /// Makes all well again: what was done by the other methods ends.
    pub async fn heal(&self) {
        let toxics = self.get(&format!("/proxies/{}/toxics", self.name)).await;
        for toxic in toxics.as_array().into_iter().flatten() {
            let name = toxic["name"].as_str().expect("a toxic has a name");
            let target = format!("/proxies/{}/toxics/{name}", self.name);
            request(self.administration, "DELETE", &target, "").await;
        }
        self.set_enabled(true).await;
    }

    /// Delays what the server answers.
    pub async fn latency(&self, milliseconds: u64) {
        let attributes = json!({ "latency": milliseconds });
        self.add("latency", Direction::ToClient, &attributes).await;
    }

    /// Lets so many kilobytes through in a second, in each direction.
    pub async fn bandwidth(&self, kilobytes: u64) {
        for direction in [Direction::ToServer, Direction::ToClient] {
            let attributes = json!({ "rate": kilobytes });
            self.add("bandwidth", direction, &attributes).await;
        }
    }

    /// Resets all connections, and each new one once it is accepted.
    pub async fn reset(&self) {
        let attributes = json!({ "timeout": 0 });
        self.add("reset_peer", Direction::ToClient, &attributes)
            .await;
    }

    /// Keeps connections open and lets nothing through, in either direction. Healing closes them.
    pub async fn hang(&self) {
        for direction in [Direction::ToServer, Direction::ToClient] {
            self.add("timeout", direction, &json!({ "timeout": 0 }))
                .await;
        }
    }

    async fn add(&self, kind: &str, direction: Direction, attributes: &Value) {
        let stream = match direction {
            Direction::ToServer => "upstream",
            Direction::ToClient => "downstream",
        };
        let toxic = json!({ "type": kind, "stream": stream, "attributes": attributes });
        let target = format!("/proxies/{}/toxics", self.name);
        post(self.administration, &target, &toxic).await;
    }

    async fn set_enabled(&self, enabled: bool) {
        let target = format!("/proxies/{}", self.name);
        post(self.administration, &target, &json!({ "enabled": enabled })).await;
    }

    async fn get(&self, target: &str) -> Value {
        let body = request(self.administration, "GET", target, "").await;
        serde_json::from_str(&body).expect("toxiproxy answers in JSON")
    }
}

async fn post(administration: u16, target: &str, body: &Value) {
    request(administration, "POST", target, &body.to_string()).await;
}

async fn request(administration: u16, method: &str, target: &str, body: &str) -> String {
    let answer = http::request(administration, method, target, body)
        .await
        .expect("toxiproxy answers");
    assert!(
        answer.status < 300,
        "{method} {target} with {body}: {answer:?}"
    );
    answer.body
}
