//! nginx as the load balancer that users put before a registry: one server after another, bodies passed on as they come,
//! a request given to the next server where the first cannot have acted on it.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::process::{Signal, geteuid};
use tokio::time::sleep;

use crate::{
    directory,
    launch::Launch,
    port,
    service::{Readiness, Service},
};

/// What an nginx stands before and how it is spoken to.
#[derive(Clone, Debug)]
pub struct NginxConfig {
    upstreams: Vec<u16>,
    tls: Option<(PathBuf, PathBuf)>,
}

impl NginxConfig {
    /// Before servers that listen on these ports of 127.0.0.1, over plain HTTP on either side.
    pub fn new(upstreams: &[u16]) -> Self {
        Self {
            upstreams: upstreams.to_vec(),
            tls: None,
        }
    }

    /// Serves HTTPS with a certificate chain and a key, both files in PEM.
    #[must_use]
    pub fn tls(mut self, certificate: &Path, private_key: &Path) -> Self {
        self.tls = Some((certificate.to_owned(), private_key.to_owned()));
        self
    }
}

/// A running nginx. Its answers carry `X-Upstream`, the address of the server that gave them.
#[derive(Debug)]
pub struct Nginx {
    service: Service,
    config: NginxConfig,
    directory: PathBuf,
    ports: Ports,
    reloads: usize,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    registry: u16,
    /// Always plain HTTP, and answered by nginx itself.
    status: u16,
}

impl Nginx {
    /// Starts one.
    pub async fn start(config: NginxConfig) -> Self {
        let directory = directory::create("nginx");
        let ports = Ports {
            registry: port::free(),
            status: port::free(),
        };
        let file = write_configuration(&directory, ports, &config);
        // Its error log is its standard error from the first line on; without the option it begins in /var/log.
        let launch = Launch::new("nginx", &directory)
            // Killed, it would leave its workers behind.
            .death_signal("TERM")
            .arguments(["-e", "stderr", "-c"])
            .arguments([file]);
        // It listens before it has workers, and forgets a signal that comes in between.
        let readiness = Readiness::Answers(vec![(ports.status, "/")]);
        Self {
            service: Service::start(launch, readiness, Signal::TERM).await,
            config,
            directory,
            ports,
            reloads: 0,
        }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.ports.registry
    }

    /// Puts other servers behind it, without closing any connection to it. Once this returns, no new connection meets
    /// the servers of before.
    pub async fn set_upstreams(&mut self, upstreams: &[u16]) {
        self.config.upstreams = upstreams.to_vec();
        write_configuration(&self.directory, self.ports, &self.config);
        self.reloads += 1;
        self.service.signal(Signal::HUP);
        // The one worker of each configuration says this when it takes no more connections.
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.log().matches("gracefully shutting down").count() < self.reloads {
            assert!(
                Instant::now() < deadline,
                "nginx does not take its new configuration:\n{}",
                self.service.end_of_log()
            );
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends it with all connections and leaves it down.
    pub async fn stop(&mut self) {
        self.service.stop().await;
    }

    /// Ends it if it runs, and starts it on the same port.
    pub async fn restart(&mut self) {
        self.service.stop().await;
        self.service.start_again().await;
    }

    /// All that it has printed.
    pub fn log(&self) -> String {
        self.service.log()
    }
}

fn write_configuration(directory: &Path, ports: Ports, config: &NginxConfig) -> PathBuf {
    let file = directory.join("nginx.conf");
    fs::write(&file, configuration(directory, ports, config))
        .expect("the configuration is written");
    file
}

/// A server that refused a connection is left alone for a second only: tests restart them. What was sent to a server
/// that then failed goes to the next one only if its method is idempotent, which is nginx's default.
fn configuration(directory: &Path, ports: Ports, config: &NginxConfig) -> String {
    let directory = directory.display();
    let Ports { registry, status } = ports;
    // As root it would otherwise look for Debian's user and hand its files to it.
    let user = if geteuid().is_root() {
        "user root;"
    } else {
        ""
    };
    let mut servers = String::new();
    for upstream in &config.upstreams {
        let _ = write!(
            servers,
            "server 127.0.0.1:{upstream} max_fails=1 fail_timeout=1s; "
        );
    }
    let (listen, tls) = match &config.tls {
        None => (format!("127.0.0.1:{registry}"), String::new()),
        Some((certificate, key)) => (
            format!("127.0.0.1:{registry} ssl"),
            format!(
                "ssl_certificate {}; ssl_certificate_key {};",
                certificate.display(),
                key.display()
            ),
        ),
    };
    format!(
        "daemon off; {user} worker_processes 1; pid {directory}/pid; error_log stderr notice;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  upstream registry {{ {servers} keepalive 16; }}
  server {{ listen 127.0.0.1:{status}; return 200; }}
  server {{
    listen {listen};
    {tls}
    client_max_body_size 0;
    location / {{
      proxy_pass http://registry;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_read_timeout 900;
      proxy_send_timeout 900;
      proxy_next_upstream error timeout;
      add_header X-Upstream $upstream_addr always;
    }}
  }}
}}
"
    )
}
