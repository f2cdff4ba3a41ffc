//! The sections of the configuration, one struct and one file each. The comment on a field is what
//! users read in the schema, the example and the reference, so it speaks to them.
//!
//! A section holds values and their defaults. What values make together no sense is told by `rules`.

mod access;
mod admin;
mod http;
mod http2;
mod jobs;
mod limits;
mod log;
mod metadata;
mod storage;
mod tls;
mod uploads;

pub(crate) use access::{Anonymous, MissingReferences, SinglePod};
pub(crate) use admin::Admin;
pub(crate) use http::Http;
pub(crate) use http2::Http2;
pub(crate) use jobs::Jobs;
pub(crate) use limits::Limits;
pub(crate) use log::{AccessLog, Log, LogFormat, LogLevel};
pub(crate) use metadata::{Metadata, Migrate};
pub(crate) use storage::{Redirect, Storage};
pub(crate) use tls::Tls;
pub(crate) use uploads::Uploads;
