//! Manifests as clients push them, written as text so that their bytes are exactly these.

use std::fmt::Write as _;

/// Media type of an OCI image manifest.
pub const IMAGE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Media type of an OCI image index.
pub const IMAGE_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What a sample manifest says of one blob.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// As `sha256:<hex>`.
    pub digest: &'a str,
    /// In bytes.
    pub size: u64,
}

/// An OCI image manifest with this configuration and these layers.
pub fn image_manifest(config: Part<'_>, layers: &[Part<'_>]) -> Vec<u8> {
    let mut text = String::with_capacity(320 + 160 * layers.len());
    let Part { digest, size } = config;
    push(
        &mut text,
        format_args!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{IMAGE_MANIFEST}\",\"config\":\
             {{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\
             \"digest\":\"{digest}\",\"size\":{size}}},\"layers\":["
        ),
    );
    for (index, Part { digest, size }) in layers.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        push(
            &mut text,
            format_args!(
                "{comma}{{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\
                 \"digest\":\"{digest}\",\"size\":{size}}}"
            ),
        );
    }
    text.push_str("]}");
    text.into_bytes()
}

/// An OCI image index with one entry for each part, each for a platform of its own.
pub fn image_index(manifests: &[Part<'_>]) -> Vec<u8> {
    let mut text = String::with_capacity(128 + 240 * manifests.len());
    push(
        &mut text,
        format_args!("{{\"schemaVersion\":2,\"mediaType\":\"{IMAGE_INDEX}\",\"manifests\":["),
    );
    for (index, Part { digest, size }) in manifests.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        push(
            &mut text,
            format_args!(
                "{comma}{{\"mediaType\":\"{IMAGE_MANIFEST}\",\"digest\":\"{digest}\",\
                 \"size\":{size},\"platform\":{{\"architecture\":\"amd64\",\"os\":\"linux\",\
                 \"variant\":\"v{index}\"}}}}"
            ),
        );
    }
    text.push_str("]}");
    text.into_bytes()
}

/// A digest in its text form which differs for each `serial`; it is the hash of nothing known.
pub fn digest_of(serial: u64) -> String {
    let words = [
        serial,
        !serial,
        serial.rotate_left(32),
        serial ^ 0x9e37_79b9_7f4a_7c15,
    ];
    let mut text = String::with_capacity(71);
    text.push_str("sha256:");
    for word in words {
        push(&mut text, format_args!("{word:016x}"));
    }
    text
}

/// Writing to a `String` cannot fail, so there is no result to hand on.
fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(arguments);
    debug_assert!(written.is_ok(), "a String takes whatever is written to it");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_json_of_the_promised_shape() {
        let digests: Vec<String> = (0..3).map(digest_of).collect();
        let parts: Vec<Part<'_>> = digests
            .iter()
            .map(|digest| Part { digest, size: 7 })
            .collect();

        let image: serde_json::Value =
            serde_json::from_slice(&image_manifest(parts[0], &parts[1..])).unwrap();
        assert_eq!(image["config"]["digest"], digests[0]);
        assert_eq!(image["layers"].as_array().unwrap().len(), 2);
        assert_eq!(image["layers"][1]["digest"], digests[2]);

        let index: serde_json::Value = serde_json::from_slice(&image_index(&parts)).unwrap();
        assert_eq!(index["mediaType"], IMAGE_INDEX);
        assert_eq!(index["manifests"].as_array().unwrap().len(), 3);
        assert_eq!(index["manifests"][2]["platform"]["variant"], "v2");
    }

    #[test]
    fn digests_of_serials_are_well_formed_and_differ() {
        assert_eq!(digest_of(1).len(), 71);
        assert_ne!(digest_of(1), digest_of(2));
    }
}
