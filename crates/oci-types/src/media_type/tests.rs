//! Tables and round trips of media types.

use proptest::prelude::*;

use super::{KNOWN, MediaType, MediaTypeError};

#[test]
fn drops_parameters_and_blanks() {
    for text in [
        "application/vnd.oci.image.manifest.v1+json",
        " application/vnd.oci.image.manifest.v1+json\t",
        "application/vnd.oci.image.manifest.v1+json; charset=utf-8",
        "application/vnd.oci.image.manifest.v1+json;charset=utf-8;x=\"a;b\"",
        "application/vnd.oci.image.manifest.v1+json ;",
    ] {
        assert_eq!(text.parse(), Ok(MediaType::OCI_MANIFEST), "{text}");
    }
}

#[test]
fn refuses_what_is_no_media_type() {
    let long = "a".repeat(128);
    for (text, reason) in [
        ("", MediaTypeError::Malformed),
        (";", MediaTypeError::Malformed),
        ("json", MediaTypeError::Malformed),
        ("/json", MediaTypeError::Malformed),
        ("application/", MediaTypeError::Malformed),
        ("application/json/x", MediaTypeError::Malformed),
        ("*/*", MediaTypeError::Malformed),
        ("application/ json", MediaTypeError::Malformed),
        ("application /json", MediaTypeError::Malformed),
        ("application/js\non", MediaTypeError::Malformed),
        ("application/json, text/plain", MediaTypeError::Malformed),
        ("application/jsön", MediaTypeError::Malformed),
        ("+a/b", MediaTypeError::Malformed),
        ("a/.b", MediaTypeError::Malformed),
        (&format!("a/{long}"), MediaTypeError::TooLong),
        (&format!("{long}/a"), MediaTypeError::TooLong),
    ] {
        assert_eq!(text.parse::<MediaType>(), Err(reason), "{text}");
    }
}

#[test]
fn keeps_case_but_matches_without_it() {
    let shouted: MediaType = "APPLICATION/VND.OCI.IMAGE.MANIFEST.V1+JSON"
        .parse()
        .unwrap();
    assert_eq!(
        shouted.as_str(),
        "APPLICATION/VND.OCI.IMAGE.MANIFEST.V1+JSON"
    );
    assert_ne!(shouted, MediaType::OCI_MANIFEST);
    assert!(shouted.matches(&MediaType::OCI_MANIFEST));
    assert!(!shouted.matches(&MediaType::OCI_INDEX));
}

#[test]
fn knows_which_layers_stay_where_they_are() {
    for text in KNOWN {
        let expected = text.contains("nondistributable") || text.contains("foreign");
        let media_type: MediaType = text.parse().unwrap();
        assert_eq!(media_type.is_non_distributable(), expected, "{text}");
    }
    let shouted = MediaType::DOCKER_FOREIGN_LAYER.as_str().to_uppercase();
    assert!(shouted.parse::<MediaType>().unwrap().is_non_distributable());
    assert!(!"a/b".parse::<MediaType>().unwrap().is_non_distributable());
}

proptest! {
    #[test]
    fn every_media_type_round_trips(
        text in "[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,126}/[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,126}"
    ) {
        let media_type: MediaType = text.parse().unwrap();
        prop_assert_eq!(media_type.to_string(), text);
        let json = serde_json::to_string(&media_type).unwrap();
        prop_assert_eq!(serde_json::from_str::<MediaType>(&json).unwrap(), media_type);
    }

    #[test]
    fn what_is_parsed_has_one_form(text in "[ a/+;=.]{0,10}|.*") {
        if let Ok(media_type) = text.parse::<MediaType>() {
            prop_assert!(text.contains(media_type.as_str()));
            prop_assert_eq!(media_type.to_string().parse::<MediaType>(), Ok(media_type));
        }
    }
}
