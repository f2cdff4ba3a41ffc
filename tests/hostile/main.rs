//! Bad input, as tables: each row is one request that must be refused, with the status and the OCI code that it must
//! be refused with. After each row the store must be what it was, and the upload session that the row spoke of must be
//! as the row says. What needs more than one request stands in `connections` and `limits`.

#![expect(
    clippy::expect_used,
    reason = "a test reports a broken expectation by panicking"
)]

mod case;
mod connections;
mod digests;
mod http2;
mod limits;
mod lists;
mod manifests;
mod names;
mod uploads;
