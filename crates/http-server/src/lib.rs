//! Everything between TCP and an application: connections and their limits, TLS, HTTP/1.1 and
//! HTTP/2, time-outs, request ids, metrics, the access log, draining, and the operator's listener.
//! It knows nothing of what is served, and must not learn it.
//!
//! A request passes through these, in this order:
//! 1. `server` accepts its connection, if there is room for one more;
//! 2. `connection` shakes hands, tells the protocol and reads the head within the header time-out;
//! 3. `connection::service` gives it an id, begins to observe it, and checks the size of its head;
//! 4. the [`Application`] answers, reading the [`RequestBody`] at its own pace;
//! 5. the connection takes the [`ResponseBody`] as fast as the client does;
//! 6. `exchange` reports it once: metrics and one line in the access log.

mod admin;
mod application;
mod config;
mod connection;
mod exchange;
mod metrics;
mod redirect;
mod request;
mod response;
mod server;
mod tls;

pub use admin::{AdminServer, Health, ReadinessCheck};
pub use application::{Application, Refusal};
pub use config::{BodyPace, Http2Config, ServerConfig, TlsConfig};
pub use exchange::{ACCESS_LOG_TARGET, AccessRecord, access_log_enabled};
pub use metrics::HttpMetrics;
pub use request::{
    ClientAddress, RequestBody, RequestBodyError, RequestBodyStream, RequestId, Scheme,
};
pub use response::ResponseBody;
pub use server::{DrainReport, OWN_THREADS, Server, ServerError};
pub use tls::{Certificates, Reload, TlsError};
