//! The OCI distribution API over HTTP.
//!
//! `route` turns a request into a typed route, `oci` has a file of handlers for each
//! noun, `error` is the one place that knows which failure has which status and OCI
//! code. A handler extracts, asks for access, calls one use case and answers; it decides nothing.

mod api;
mod error;
mod extract;
mod headers;
mod oci;
mod redirect;
mod reply;
pub mod route;
mod welcome;

pub use api::Api;
pub use error::writes_paused;
pub use welcome::Welcome;
