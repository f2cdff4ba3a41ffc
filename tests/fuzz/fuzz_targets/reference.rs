//! Repository names, tags, references and media types: no panic, and what is written reads the
//! same.
//!
//! From `tests/`: `RUSTC_BOOTSTRAP=1 cargo fuzz run reference -- -max_total_time=60`

#![no_main]

use libfuzzer_sys::fuzz_target;
use oci_types::{Digest, MediaType, Reference, RepositoryName, Tag};

fuzz_target!(|text: &str| {
    if let Ok(name) = text.parse::<RepositoryName>() {
        assert_eq!(name.to_string(), text);
        assert!(text.len() <= 255 && text.starts_with(name.namespace()));
    }
    if let Ok(reference) = text.parse::<Reference>() {
        assert_eq!(reference.to_string(), text);
    }
    if let Ok(tag) = text.parse::<Tag>() {
        let listed = Digest::from_fallback_tag(&tag);
        assert!(listed.is_none_or(|digest| digest.to_fallback_tag() == tag));
    }
    if let Ok(media_type) = text.parse::<MediaType>() {
        assert_eq!(media_type.to_string().parse(), Ok(media_type));
    }
});
