//! What is refused for what its fields say, each with the sentence that names the place.

use super::{DIGEST, descriptor, image, image_with_layer, parse_image, parse_index, refusal};
use crate::{Manifest, ManifestError, MediaType};

/// An OCI index with these entries.
fn index(entries: &[String]) -> String {
    format!(
        r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
        entries.join(",")
    )
}

#[test]
fn wrong_types() {
    for (body, sentence) in [
        (
            "[]".to_owned(),
            "the manifest must be an object, not an array",
        ),
        (
            "null".to_owned(),
            "the manifest must be an object, not null",
        ),
        (
            "\"x\"".to_owned(),
            "the manifest must be an object, not a string",
        ),
        (
            "-1".to_owned(),
            "the manifest must be an object, not a number",
        ),
        (
            image(r#","mediaType":1"#),
            "mediaType must be a string, not a number",
        ),
        (
            image(r#","artifactType":{}"#),
            "artifactType must be a string, not an object",
        ),
        (
            image("").replace("[]", "{}"),
            "layers must be an array, not an object",
        ),
        (
            image("").replace("[]", "[null]"),
            "layers[0] must be an object, not null",
        ),
        (
            image(r#","subject":[]"#),
            "subject must be an object, not an array",
        ),
        (
            image(r#","annotations":[]"#),
            "annotations must be an object, not an array",
        ),
        (
            image(r#","annotations":{"a":1}"#),
            "annotations must be an object of strings, not an object with other values",
        ),
        (
            image(r#","annotations":{"a":null}"#),
            "annotations must be an object of strings, not an object with other values",
        ),
    ] {
        assert_eq!(refusal(&body), sentence, "{body}");
        assert!(
            matches!(parse_image(&body), Err(ManifestError::WrongType { .. })),
            "{body}"
        );
    }
}

#[test]
fn wrong_types_in_descriptors() {
    let layer = image_with_layer;
    for (body, sentence) in [
        (
            layer(r#","urls":"x""#),
            "layers[0].urls must be an array, not a string",
        ),
        (
            layer(r#","urls":[true]"#),
            "layers[0].urls[0] must be a string, not a boolean",
        ),
        (
            layer(r#","data":false"#),
            "layers[0].data must be a string, not a boolean",
        ),
        (
            layer(r#","platform":[]"#),
            "layers[0].platform must be an object, not an array",
        ),
        (
            layer(r#","platform":{"os":1}"#),
            "layers[0].platform.os must be a string, not a number",
        ),
        (
            layer(r#","platform":{"os.features":["a",null]}"#),
            "layers[0].platform.os.features[1] must be a string, not null",
        ),
    ] {
        assert_eq!(refusal(&body), sentence, "{body}");
        assert!(
            matches!(parse_image(&body), Err(ManifestError::WrongType { .. })),
            "{body}"
        );
    }
}

#[test]
fn null_is_an_absent_field_or_an_empty_list() {
    let nulls = r#","mediaType":null,"artifactType":null,"manifests":null,"subject":null,
        "annotations":null,"fsLayers":null"#;
    let manifest = parse_image(&image(nulls).replace("[]", "null")).unwrap();
    assert_eq!(manifest, parse_image(&image("")).unwrap());

    let nulls = r#","urls":null,"annotations":null,"data":null,"artifactType":null,
        "platform":{"os":null,"os.features":null}"#;
    let manifest = parse_image(&image_with_layer(nulls)).unwrap();
    assert_eq!(manifest, parse_image(&image_with_layer("")).unwrap());

    parse_index(r#"{"schemaVersion":2,"manifests":null,"layers":null}"#).unwrap();
}

#[test]
fn a_missing_schema_version() {
    let without = image("").replace(r#""schemaVersion":2,"#, "");
    for body in [
        without.clone(),
        image("").replace(r#""schemaVersion":2"#, r#""schemaVersion":3"#),
        image("").replace(r#""schemaVersion":2"#, r#""schemaVersion":2.0"#),
        image("").replace(r#""schemaVersion":2"#, r#""schemaVersion":"2""#),
        image("").replace(r#""schemaVersion":2"#, r#""schemaVersion":null"#),
    ] {
        for content_type in [MediaType::OCI_MANIFEST, MediaType::DOCKER_MANIFEST] {
            let error = Manifest::parse(&content_type, body.as_bytes()).unwrap_err();
            assert!(
                matches!(error, ManifestError::SchemaVersion(_)),
                "{body}: {error}"
            );
        }
    }
    for content_type in [MediaType::OCI_INDEX, MediaType::DOCKER_MANIFEST_LIST] {
        let error = Manifest::parse(&content_type, br#"{"manifests":[]}"#).unwrap_err();
        assert!(matches!(error, ManifestError::SchemaVersion(_)), "{error}");
    }
}

#[test]
fn missing_fields_of_images_and_indexes() {
    let config = descriptor("");
    let without_layers = format!(r#"{{"schemaVersion":2,"config":{config}}}"#);
    for content_type in [MediaType::OCI_MANIFEST, MediaType::DOCKER_MANIFEST] {
        let parse = |body: &str| Manifest::parse(&content_type, body.as_bytes());
        for body in [
            r#"{"schemaVersion":2,"layers":[]}"#,
            r#"{"schemaVersion":2,"config":null}"#,
        ] {
            assert!(
                matches!(parse(body), Err(ManifestError::MissingConfig)),
                "{body}"
            );
        }
        assert!(matches!(
            parse(&without_layers),
            Err(ManifestError::MissingLayers)
        ));
    }
    for content_type in [MediaType::OCI_INDEX, MediaType::DOCKER_MANIFEST_LIST] {
        for body in [r#"{"schemaVersion":2}"#, &without_layers] {
            let result = Manifest::parse(&content_type, body.as_bytes());
            assert!(
                matches!(result, Err(ManifestError::MissingManifests)),
                "{body}"
            );
        }
    }
}

#[test]
fn incomplete_descriptors() {
    for (field, descriptor) in [
        ("mediaType", format!(r#"{{"digest":"{DIGEST}","size":3}}"#)),
        (
            "mediaType",
            format!(r#"{{"mediaType":null,"digest":"{DIGEST}","size":3}}"#),
        ),
        ("digest", r#"{"mediaType":"a/b","size":3}"#.to_owned()),
        (
            "size",
            format!(r#"{{"mediaType":"a/b","digest":"{DIGEST}"}}"#),
        ),
    ] {
        let error = parse_index(&index(&[self::descriptor(""), descriptor])).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("manifests[1] must have `{field}`")
        );
        assert!(matches!(error, ManifestError::IncompleteDescriptor { .. }));
    }
}

#[test]
fn sizes() {
    let sized =
        |size: &str| image_with_layer("").replace("\"size\":3}]", &format!("\"size\":{size}}}]"));
    for size in ["0", "9223372036854775807"] {
        let manifest = parse_image(&sized(size)).unwrap();
        assert_eq!(manifest.layers[0].size.to_string(), size);
    }
    for size in [
        "-1",
        "-0",
        "1.5",
        "1.0",
        "1e3",
        "1e400",
        "-1e400",
        "9223372036854775808",
        "18446744073709551616",
        "99999999999999999999999999999999",
    ] {
        let error = parse_image(&sized(size)).unwrap_err();
        assert!(
            matches!(&error, ManifestError::Size { at } if at == "layers[0].size"),
            "{error}"
        );
    }
    assert_eq!(
        refusal(&sized("\"3\"")),
        "layers[0].size must be a number, not a string"
    );
}

#[test]
fn digests() {
    for digest in [
        "",
        "sha256:abc",
        &DIGEST.to_uppercase(),
        "md5:d41d8cd98f00b204e9800998ecf8427e",
    ] {
        let error = parse_image(&image("").replace(DIGEST, digest)).unwrap_err();
        let is_expected =
            matches!(&error, ManifestError::Digest { at, .. } if at == "config.digest");
        assert!(is_expected, "{digest}: {error}");
    }
    let sentence = refusal(&image("").replace(DIGEST, "md5:d41d8cd98f00b204e9800998ecf8427e"));
    let expected = "config.digest: digest algorithm `md5` is not supported: use sha256 or sha512";
    assert_eq!(sentence, expected);
}

#[test]
fn media_types() {
    for (body, place) in [
        (image("").replace("a/b", "ab"), "config.mediaType"),
        (image("").replace("a/b", ""), "config.mediaType"),
        (image(r#","artifactType":"sbom""#), "artifactType"),
        (image(r#","mediaType":"json""#), "mediaType"),
        (
            image_with_layer(r#","artifactType":"a b/c""#),
            "layers[0].artifactType",
        ),
    ] {
        let error = parse_image(&body).unwrap_err();
        let is_expected = matches!(&error, ManifestError::MediaType { at, .. } if at == place);
        assert!(is_expected, "{body}: {error}");
    }
}

#[test]
fn too_many_descriptors() {
    let entries = |count: usize| vec![descriptor(""); count];
    let image = |count: usize| image("").replace("[]", &format!("[{}]", entries(count).join(",")));
    assert_eq!(
        parse_index(&index(&entries(10_000)))
            .unwrap()
            .manifests
            .len(),
        10_000
    );
    assert_eq!(
        parse_image(&image(9_999)).unwrap().descriptors().count(),
        10_000
    );

    let error = parse_index(&index(&entries(10_001))).unwrap_err();
    assert_eq!(error.to_string(), "manifests has more than 10000 entries");
    assert!(matches!(error, ManifestError::TooManyEntries { .. }));
    let error = parse_image(&image(10_000)).unwrap_err();
    assert!(
        matches!(error, ManifestError::TooManyDescriptors),
        "{error}"
    );
}

#[test]
fn urls() {
    let allowed = r#","urls":["https://example.com/layer","http://example.com/layer"]"#;
    let manifest = parse_image(&image_with_layer(allowed)).unwrap();
    assert_eq!(
        manifest.layers[0].urls,
        ["https://example.com/layer", "http://example.com/layer"]
    );

    for url in [
        "file:///etc/passwd",
        "http://169.254.169.254/",
        r"http:\/\/[::ffff:127.0.0.1]\/",
    ] {
        let body = image_with_layer(&format!(r#","urls":["https://example.com/","{url}"]"#));
        let error = parse_image(&body).unwrap_err();
        let is_expected =
            matches!(&error, ManifestError::Url { at, .. } if at == "layers[0].urls[1]");
        assert!(is_expected, "{url}: {error}");
    }
}

#[test]
fn data() {
    let manifest = parse_image(&image_with_layer(r#","data":"Zm9v""#)).unwrap();
    assert_eq!(manifest.layers[0].data.as_deref(), Some(&b"foo"[..]));

    let sentence = refusal(&image_with_layer(r#","data":"Zm9vYg==""#));
    assert_eq!(
        sentence,
        "layers[0].data holds 4 bytes, but the descriptor's size is 3"
    );
    let sentence = refusal(&image_with_layer(r#","data":"Zm8=""#));
    assert_eq!(
        sentence,
        "layers[0].data holds 2 bytes, but the descriptor's size is 3"
    );
    for data in ["Zm9", "Zm9v ", "{}"] {
        let error = parse_image(&image_with_layer(&format!(r#","data":"{data}""#))).unwrap_err();
        assert!(
            matches!(error, ManifestError::DataEncoding { .. }),
            "{data}: {error}"
        );
    }
}
