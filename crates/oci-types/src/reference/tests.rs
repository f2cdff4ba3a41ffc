//! Tables and round trips of tags and references.

use proptest::prelude::*;

use super::{Reference, ReferenceError, Tag, TagError};
use crate::DigestError;

fn is_tag(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters
        .next()
        .is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let rest = characters.all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    first && rest && text.len() <= 128
}

#[test]
fn refuses_what_is_no_tag_with_a_reason() {
    let long = "a".repeat(129);
    for (text, reason) in [
        ("", TagError::Empty),
        (&*long, TagError::TooLong),
        ("-x", TagError::Beginning),
        (".x", TagError::Beginning),
        ("a b", TagError::Character(' ')),
        ("a/b", TagError::Character('/')),
        ("a+b", TagError::Character('+')),
        ("v1\0", TagError::Character('\0')),
        ("é", TagError::Character('é')),
    ] {
        assert_eq!(text.parse::<Tag>(), Err(reason), "{text}");
        assert!(!is_tag(text), "{text}");
    }
}

#[test]
fn tags_are_ordered_by_their_bytes() {
    let mut tags: Vec<Tag> = ["b", "a", "B", "_", "1", "a.b", "a-b"]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    tags.sort();
    let texts: Vec<&str> = tags.iter().map(Tag::as_str).collect();
    assert_eq!(texts, ["1", "B", "_", "a", "a-b", "a.b", "b"]);
}

#[test]
fn a_colon_makes_a_reference_a_digest() {
    let text = format!("sha256:{}", "a".repeat(64));
    assert_eq!(text.parse(), Ok(Reference::Digest(text.parse().unwrap())));
    assert_eq!(
        "latest".parse(),
        Ok(Reference::Tag("latest".parse().unwrap()))
    );
    for (text, reason) in [
        ("sha256:abc", ReferenceError::Digest(DigestError::Malformed)),
        (
            "md5:abc",
            ReferenceError::Digest(DigestError::Unsupported("md5".to_owned())),
        ),
        (
            "a:b:c",
            ReferenceError::Digest(DigestError::Unsupported("a".to_owned())),
        ),
        ("", ReferenceError::Tag(TagError::Empty)),
        ("-x", ReferenceError::Tag(TagError::Beginning)),
    ] {
        assert_eq!(text.parse::<Reference>(), Err(reason), "{text}");
    }
}

proptest! {
    #[test]
    fn every_tag_of_the_grammar_round_trips(text in "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}") {
        let tag: Tag = text.parse().unwrap();
        prop_assert_eq!(tag.to_string(), text.as_str());
        let reference: Reference = text.parse().unwrap();
        prop_assert_eq!(reference.to_string(), text.as_str());
        let json = serde_json::to_string(&tag).unwrap();
        prop_assert_eq!(serde_json::from_str::<Tag>(&json).unwrap(), tag);
        prop_assert_eq!(serde_json::from_str::<Reference>(&json).unwrap(), reference);
    }

    #[test]
    fn agrees_with_the_naive_reading(text in "[aZ0._/ -]{0,6}|[a]{125,131}|.*") {
        prop_assert_eq!(text.parse::<Tag>().is_ok(), is_tag(&text));
    }
}
