//! Tests of manifests: what clients push, what is refused, and what no input may do.

mod ambiguous;
mod arbitrary;
mod refusals;
mod samples;
mod unreadable;

use super::{Manifest, ManifestError};
use crate::MediaType;

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A descriptor with these fields besides what it must have.
fn descriptor(more: &str) -> String {
    format!(r#"{{"mediaType":"a/b","digest":"{DIGEST}","size":3{more}}}"#)
}

/// An OCI image with these fields besides what it must have.
fn image(more: &str) -> String {
    let config = descriptor("");
    format!(r#"{{"schemaVersion":2,"config":{config},"layers":[]{more}}}"#)
}

/// An OCI image with one layer that has these fields besides what it must have.
fn image_with_layer(more: &str) -> String {
    let (config, layer) = (descriptor(""), descriptor(more));
    format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#)
}

fn parse_image(body: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(&MediaType::OCI_MANIFEST, body.as_bytes())
}

fn parse_index(body: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(&MediaType::OCI_INDEX, body.as_bytes())
}

fn media_type(text: &str) -> MediaType {
    text.parse().unwrap()
}

/// The sentence an image is refused with.
#[track_caller]
fn refusal(body: &str) -> String {
    parse_image(body).expect_err(body).to_string()
}
