//! What is refused because two readers could understand it differently.

use super::{descriptor, image, image_with_layer, media_type, parse_image, refusal};
use crate::{Manifest, ManifestError, ManifestKind, MediaType};

#[test]
fn repeated_keys() {
    for (body, place, key) in [
        (
            image(r#","schemaVersion":2"#),
            "the manifest",
            "schemaVersion",
        ),
        (image(r#","layers":[]"#), "the manifest", "layers"),
        (image(r#","lay\u0065rs":[]"#), "the manifest", "layers"),
        (
            image(r#","annotations":null,"annotations":{}"#),
            "the manifest",
            "annotations",
        ),
        (
            image(r#","org.example":1,"org.example":1"#),
            "the manifest",
            "org.example",
        ),
        (image_with_layer(r#","size":3"#), "layers[0]", "size"),
        (
            image(&format!(r#","subject":{}"#, descriptor(r#","size":3"#))),
            "subject",
            "size",
        ),
        (
            image("").replacen(r#""size":3"#, r#""size":3,"size":4"#, 1),
            "config",
            "size",
        ),
        (
            image_with_layer(r#","platform":{"os":"linux","os":"plan9"}"#),
            "layers[0].platform",
            "os",
        ),
    ] {
        let sentence =
            format!("{place} has the key `{key}` twice: parsers differ in which one they take");
        assert_eq!(refusal(&body), sentence, "{body}");
        assert!(
            matches!(parse_image(&body), Err(ManifestError::DuplicateKey { .. })),
            "{body}"
        );
    }
}

#[test]
fn a_long_repeated_key_is_not_repeated_in_full() {
    let key = "é".repeat(100_000);
    let sentence = refusal(&image(&format!(r#","{key}":1,"{key}":1"#)));
    assert!(sentence.len() < 300, "{} bytes", sentence.len());
}

#[test]
fn known_keys_in_another_case() {
    for (body, place, found, key) in [
        (
            image(r#","MediaType":"a/b""#),
            "the manifest",
            "MediaType",
            "mediaType",
        ),
        (image(r#","LAYERS":[]"#), "the manifest", "LAYERS", "layers"),
        (image(r#","layerſ":[]"#), "the manifest", "layerſ", "layers"),
        (
            image(r#","\u004dediatype":"a/b""#),
            "the manifest",
            "Mediatype",
            "mediaType",
        ),
        (
            image(r#","fslayers":[]"#),
            "the manifest",
            "fslayers",
            "fsLayers",
        ),
        (
            image_with_layer(r#","Digest":"x""#),
            "layers[0]",
            "Digest",
            "digest",
        ),
        (
            image_with_layer(r#","ſize":4"#),
            "layers[0]",
            "ſize",
            "size",
        ),
        (
            image_with_layer(r#","platform":{"OS":"x"}"#),
            "layers[0].platform",
            "OS",
            "os",
        ),
    ] {
        let sentence = format!(
            "{place} has the key `{found}`, which some parsers read as `{key}`: write it that way"
        );
        assert_eq!(refusal(&body), sentence, "{body}");
        assert!(
            matches!(parse_image(&body), Err(ManifestError::KeyCase { .. })),
            "{body}"
        );
    }
}

#[test]
fn annotations_and_unknown_objects_may_have_any_keys() {
    let body = image(
        r#","annotations":{"layers":"1","Layers":"2","layers":"3"},
        "x":{"size":1,"size":2,"Size":3},"y":[{"digest":0,"DIGEST":0}]"#,
    );
    let manifest = parse_image(&body).unwrap();
    assert_eq!(
        manifest.annotations["layers"], "3",
        "the last one, as everywhere"
    );
}

#[test]
fn an_image_and_an_index_at_once() {
    let both = image(r#","manifests":[]"#);
    let with_blobs = r#"{"blobs":[],"manifests":[]}"#;
    let with_layers = r#"{"schemaVersion":2,"layers":[],"manifests":[]}"#;
    for (content_type, body) in [
        (MediaType::OCI_MANIFEST, &*both),
        (MediaType::OCI_INDEX, &both),
        (MediaType::OCI_INDEX, with_layers),
        (MediaType::OCI_ARTIFACT_MANIFEST, with_blobs),
        (media_type("a/b"), &both),
        (media_type("a/b"), with_blobs),
    ] {
        let error = Manifest::parse(&content_type, body.as_bytes()).unwrap_err();
        assert!(
            matches!(error, ManifestError::ImageAndIndex(_)),
            "{content_type} {body}: {error}"
        );
    }
}

#[test]
fn a_body_of_another_type_than_the_header() {
    let body = image(r#","mediaType":"application/vnd.oci.image.index.v1+json""#);
    assert_eq!(
        refusal(&body),
        "the manifest's mediaType is `application/vnd.oci.image.index.v1+json`, but it was pushed \
         with Content-Type `application/vnd.oci.image.manifest.v1+json`"
    );
    let body = image(r#","mediaType":"application/vnd.oci.image.manifest.v1+json""#);
    let json = media_type("application/json");
    let error = Manifest::parse(&json, body.as_bytes()).unwrap_err();
    assert!(
        matches!(error, ManifestError::MediaTypeMismatch { .. }),
        "{error}"
    );
}

#[test]
fn parameters_and_case_do_not_make_another_type() {
    let header = media_type("application/vnd.oci.image.manifest.v1+json; charset=utf-8");
    for body in [
        image(r#","mediaType":"application/vnd.oci.image.manifest.v1+json;charset=utf-8""#),
        image(r#","mediaType":"Application/vnd.OCI.image.manifest.v1+json""#),
    ] {
        let manifest = Manifest::parse(&header, body.as_bytes()).unwrap();
        assert_eq!(manifest.media_type, MediaType::OCI_MANIFEST);
        assert_eq!(manifest.kind, ManifestKind::Image);
    }
}
