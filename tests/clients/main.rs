//! Real clients against a started registry, one file per client. Each test uses images that are made on the spot, a
//! home directory of its own, and leaves nothing behind. `tests/tools/install clients` brings the clients.

#![expect(
    clippy::expect_used,
    reason = "a test reports a broken expectation by panicking"
)]

mod buildah;
mod containerd;
mod cosign;
mod crane;
mod docker;
mod helm;
mod images;
mod oras;
mod podman;
mod regctl;
mod skopeo;
