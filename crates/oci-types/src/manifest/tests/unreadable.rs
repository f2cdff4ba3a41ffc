//! What is refused before a field is read: schema 1, other encodings, no JSON, depth.

use super::{image, image_with_layer, media_type, parse_image};
use crate::{Manifest, ManifestError, MediaType};

#[test]
fn the_bodies_the_other_tests_change_are_accepted() {
    for body in [image(""), image_with_layer("")] {
        parse_image(&body).unwrap();
    }
}

#[test]
fn schema_one_by_media_type() {
    for text in [
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "Application/vnd.docker.distribution.manifest.V1+json",
    ] {
        let error = Manifest::parse(&media_type(text), image("").as_bytes()).unwrap_err();
        assert!(matches!(error, ManifestError::SchemaOne), "{error}");
    }
}

#[test]
fn schema_one_by_body() {
    for body in [
        r#"{"schemaVersion":1}"#,
        r#"{"schemaVersion":2,"fsLayers":[]}"#,
        r#"{"fsLayers":[1]}"#,
    ] {
        for content_type in [MediaType::DOCKER_MANIFEST, media_type("application/json")] {
            let error = Manifest::parse(&content_type, body.as_bytes()).unwrap_err();
            assert!(matches!(error, ManifestError::SchemaOne), "{body}: {error}");
        }
    }
}

#[test]
fn byte_order_mark() {
    let error = parse_image(&format!("\u{feff}{}", image(""))).unwrap_err();
    assert!(matches!(error, ManifestError::ByteOrderMark), "{error}");
}

#[test]
fn other_encodings() {
    let utf_16: Vec<u8> = image("")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert!(Manifest::parse(&MediaType::OCI_MANIFEST, &utf_16).is_err());
    for bytes in [
        &b"{\"a\":\"\xff\"}"[..],
        b"\xc0\xaf",
        b"{\"a\":\"\xed\xa0\x80\"}",
    ] {
        let error = Manifest::parse(&MediaType::OCI_MANIFEST, bytes).unwrap_err();
        assert!(matches!(error, ManifestError::NotUtf8(_)), "{error}");
    }
}

#[test]
fn no_json() {
    for body in [
        String::new(),
        " ".to_owned(),
        "{".to_owned(),
        "]".to_owned(),
        "{'a':1}".to_owned(),
        "{\"a\":1,}".to_owned(),
        "{\"a\":\"\n\"}".to_owned(),
        "{\"a\":01}".to_owned(),
        "{\"a\":\"\\x\"}".to_owned(),
        "// a comment\n{}".to_owned(),
        format!("{}x", image("")),
        format!("{}{{}}", image("")),
        format!("{}\0", image("")),
        image(r#","annotations":{"a":"\ud800"}"#),
        image(r#","artifactType":"\ud800""#),
        image(r#","\ud800":1"#),
    ] {
        let error = parse_image(&body).unwrap_err();
        assert!(
            matches!(error, ManifestError::NotJson(_)),
            "{body}: {error}"
        );
    }
}

#[test]
fn white_space_around_the_object_is_fine() {
    parse_image(&format!(" \r\n\t{} \r\n\t", image(""))).unwrap();
}

#[test]
fn too_deep() {
    let nested = |depth: usize| format!(",\"x\":{}{}", "[".repeat(depth), "]".repeat(depth));
    parse_image(&image(&nested(31))).unwrap();
    for body in [
        image(&nested(32)),
        image(&nested(1_000_000)),
        "[".repeat(1_000_000),
        "{\"a\":".repeat(1_000_000),
    ] {
        let error = parse_image(&body).unwrap_err();
        assert!(matches!(error, ManifestError::TooDeep), "{error}");
    }
}

#[test]
fn brackets_in_strings_are_not_nesting() {
    let brackets = "[{".repeat(40);
    let body = image(&format!(
        r#","annotations":{{"a\"{brackets}\\":"\\\"{brackets}"}}"#
    ));
    parse_image(&body).unwrap();
}
