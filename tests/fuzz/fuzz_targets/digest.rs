//! Digests: no panic, and text and storage form each have one spelling.
//!
//! From `tests/`: `RUSTC_BOOTSTRAP=1 cargo fuzz run digest -- -max_total_time=60`

#![no_main]

use libfuzzer_sys::fuzz_target;
use oci_types::Digest;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(digest) = Digest::from_bytes(bytes) {
        assert_eq!(digest.to_bytes(), bytes);
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(digest) = text.parse::<Digest>() else {
        return;
    };
    assert_eq!(digest.to_string(), text);
    assert_eq!(Digest::from_bytes(&digest.to_bytes()), Ok(digest));
    let listed = Digest::from_fallback_tag(&digest.to_fallback_tag());
    assert!(listed.is_none_or(|listed| listed == digest));
});
