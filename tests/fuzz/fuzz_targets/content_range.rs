//! The `Content-Range` of an uploaded chunk: no panic, no empty or overflowing range, and what is
//! written reads the same.
//!
//! From `tests/`: `RUSTC_BOOTSTRAP=1 cargo fuzz run content_range -- -max_total_time=60`

#![no_main]

use libfuzzer_sys::fuzz_target;
use oci_types::ContentRange;

fuzz_target!(|text: &str| {
    let Ok(range) = text.parse::<ContentRange>() else {
        return;
    };
    assert!(range.length() >= 1);
    assert_eq!(range.start() + (range.length() - 1), range.end_inclusive());
    assert_eq!(range.to_string().parse(), Ok(range));
});
