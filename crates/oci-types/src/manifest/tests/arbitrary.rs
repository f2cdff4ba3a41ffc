//! What holds for any input: no panic, and no acceptance of what Go's parsers could read
//! differently.

use proptest::prelude::*;
use serde_json::Value;

use super::{DIGEST, image_with_layer};
use crate::{MAXIMUM_DESCRIPTORS, Manifest, ManifestError, MediaType};

fn any_content_type() -> impl Strategy<Value = MediaType> {
    prop::sample::select(vec![
        MediaType::OCI_MANIFEST,
        MediaType::OCI_INDEX,
        MediaType::OCI_ARTIFACT_MANIFEST,
        MediaType::DOCKER_MANIFEST,
        MediaType::DOCKER_MANIFEST_LIST,
        MediaType::OCI_EMPTY,
    ])
}

/// Keys and values as they occur in manifests, in places where they need not belong.
fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just(DIGEST.to_owned()),
        Just("application/vnd.oci.image.manifest.v1+json".to_owned()),
        Just("https://example.com/".to_owned()),
        Just("Zm9v".to_owned()),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop_oneof![Just(2), Just(3), any::<i64>()].prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "schemaVersion",
        "mediaType",
        "artifactType",
        "config",
        "layers",
        "blobs",
        "manifests",
        "subject",
        "annotations",
        "digest",
        "size",
        "urls",
        "data",
        "platform",
        "os",
        "x",
    ]);
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..8).prop_map(|fields| {
                fields
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

/// What an accepted manifest promises to those who use it.
fn check_promises(content_type: &MediaType, bytes: &[u8]) -> Result<(), TestCaseError> {
    let Ok(manifest) = Manifest::parse(content_type, bytes) else {
        return Ok(());
    };
    let body: Value = serde_json::from_slice(bytes).expect("accepted manifests are JSON");
    prop_assert_eq!(&manifest.media_type, content_type);
    prop_assert!(manifest.descriptors().count() <= MAXIMUM_DESCRIPTORS);
    prop_assert!(manifest.manifests.is_empty() || manifest.layers.is_empty());
    for (descriptor, list) in manifest
        .manifests
        .iter()
        .zip(body["manifests"].as_array().unwrap_or(&vec![]))
    {
        prop_assert_eq!(
            Some(&*descriptor.digest.to_string()),
            list["digest"].as_str()
        );
    }
    for descriptor in manifest.descriptors() {
        prop_assert!(i64::try_from(descriptor.size).is_ok());
        if let Some(data) = &descriptor.data {
            prop_assert_eq!(data.len() as u64, descriptor.size);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes(content_type in any_content_type(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_promises(&content_type, &bytes)?;
    }

    #[test]
    fn any_text_of_json(content_type in any_content_type(), text in "[\\[\\]{}\",:0-9a-z\\\\ .-]{0,100}") {
        check_promises(&content_type, text.as_bytes())?;
    }

    #[test]
    fn any_value(content_type in any_content_type(), value in any_json()) {
        check_promises(&content_type, value.to_string().as_bytes())?;
    }

    #[test]
    fn any_damage_to_a_good_manifest(
        content_type in any_content_type(),
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let more = r#","urls":["https://example.com/"],"data":"Zm9v","platform":{"os":"linux"}"#;
        let mut bytes = image_with_layer(more).into_bytes();
        for (position, byte, kind) in damages {
            let position = position.index(bytes.len());
            match kind {
                0 => bytes[position] = byte,
                1 => bytes.insert(position, byte),
                _ => bytes.truncate(position.max(1)),
            }
        }
        check_promises(&content_type, &bytes)?;
    }

    #[test]
    fn any_repetition_of_a_field_is_refused(field in 0..5_usize, place in 0..5_usize) {
        let fields = [
            r#""schemaVersion":2"#.to_owned(),
            r#""mediaType":"application/vnd.oci.image.manifest.v1+json""#.to_owned(),
            format!(r#""config":{}"#, super::descriptor("")),
            r#""layers":[]"#.to_owned(),
            r#""x":{}"#.to_owned(),
        ];
        let mut repeated = fields.to_vec();
        repeated.insert(place, fields[field].clone());
        let parse = |fields: &[String]| super::parse_image(&format!("{{{}}}", fields.join(",")));
        prop_assert!(parse(&fields).is_ok());
        let is_refused = matches!(parse(&repeated), Err(ManifestError::DuplicateKey { .. }));
        prop_assert!(is_refused);
    }
}
