//! Routing: no panic for any method and URI, however names and keywords are mixed.
//!
//! From `tests/`: `RUSTC_BOOTSTRAP=1 cargo fuzz run route -- -max_total_time=60`

#![no_main]

use http::{Method, Uri};
use libfuzzer_sys::fuzz_target;

const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

fuzz_target!(|input: (u8, &str)| {
    let (choice, text) = input;
    let method = &METHODS[usize::from(choice) % METHODS.len()];
    let Ok(uri) = format!("/v2/{text}").parse::<Uri>() else {
        return;
    };
    // Either outcome is fine; reaching one is the point.
    let _ = http_api::route::parse(method, &uri);
});
