//! The `Range` header: no panic, and a part always lies within the content.
//!
//! From `tests/`: `RUSTC_BOOTSTRAP=1 cargo fuzz run range -- -max_total_time=60`

#![no_main]

use libfuzzer_sys::fuzz_target;
use oci_types::{ByteRange, ResolvedRange};

fuzz_target!(|input: (u64, &str)| {
    let (size, header) = input;
    let range = ByteRange::parse(Some(header));
    match range.resolve(size) {
        ResolvedRange::Part {
            start,
            end_inclusive,
        } => {
            assert!(start <= end_inclusive && end_inclusive < size);
        }
        ResolvedRange::Whole | ResolvedRange::Unsatisfiable => {}
    }
});
