//! Manifests: no panic, no deep recursion, and what is accepted is JSON within its bounds that
//! means one thing only.
//!
//! The first byte chooses the media type, the rest is the body.
//!
//! From `tests/`: `RUSTC_BOOTSTRAP=1 cargo fuzz run manifest -- -max_total_time=60`

#![no_main]

use libfuzzer_sys::fuzz_target;
use oci_types::{MAXIMUM_DESCRIPTORS, Manifest, ManifestKind, MediaType};

const MEDIA_TYPES: [MediaType; 6] = [
    MediaType::OCI_MANIFEST,
    MediaType::OCI_INDEX,
    MediaType::OCI_ARTIFACT_MANIFEST,
    MediaType::DOCKER_MANIFEST,
    MediaType::DOCKER_MANIFEST_LIST,
    MediaType::OCI_EMPTY,
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, body)) = bytes.split_first() else {
        return;
    };
    let media_type = &MEDIA_TYPES[usize::from(*choice) % MEDIA_TYPES.len()];
    let manifest = match Manifest::parse(media_type, body) {
        Ok(manifest) => manifest,
        Err(refusal) => {
            assert!(!refusal.to_string().is_empty());
            return;
        }
    };
    let value: serde_json::Value = serde_json::from_slice(body).expect("accepted, but no JSON");
    assert!(value.is_object());
    assert!(manifest.descriptors().count() <= MAXIMUM_DESCRIPTORS);
    assert!(manifest.manifests.is_empty() || manifest.config.is_none());
    assert!(manifest.manifests.is_empty() || manifest.layers.is_empty());
    assert!(manifest.kind != ManifestKind::Other || manifest.descriptors().next().is_none());
    for descriptor in manifest.descriptors().chain(&manifest.subject) {
        assert!(i64::try_from(descriptor.size).is_ok());
        let data = descriptor.data.as_ref();
        assert!(data.is_none_or(|data| data.len() as u64 == descriptor.size));
    }
});
