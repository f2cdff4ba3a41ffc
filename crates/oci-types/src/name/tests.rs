//! Tables of repository names, and a comparison with the grammar read naively.

use proptest::prelude::*;

use super::{NameError, RepositoryName};

/// The specification's regular expression, read by trying every way to split the text.
fn is_name(text: &str) -> bool {
    fn is_word(text: &str) -> bool {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    }
    fn is_separator(text: &str) -> bool {
        text == "."
            || text == "_"
            || text == "__"
            || (!text.is_empty() && text.chars().all(|c| c == '-'))
    }
    fn is_component(text: &str) -> bool {
        is_word(text)
            || (1..text.len()).any(|word| {
                is_word(&text[..word])
                    && (word + 1..text.len()).any(|separator| {
                        is_separator(&text[word..separator]) && is_component(&text[separator..])
                    })
            })
    }
    text.is_ascii() && text.len() <= 255 && text.split('/').all(is_component)
}

#[test]
fn accepts_the_grammar() {
    for text in [
        "a",
        "0",
        "busybox",
        "library/busybox",
        "a/b/c/d/e",
        "a.b",
        "a_b",
        "a__b",
        "a-b",
        "a------b",
        "a.b_c__d-e",
        "a/blobs/uploads",
        "manifests",
        &"a".repeat(255),
        &format!("{}/b", "a".repeat(253)),
    ] {
        let name: RepositoryName = text.parse().unwrap();
        assert_eq!(name.as_str(), text);
        assert!(is_name(text), "{text}");
    }
}

#[test]
fn refuses_the_rest_with_a_reason() {
    let long = "a".repeat(256);
    for (text, reason) in [
        ("", NameError::EmptyComponent),
        ("/", NameError::EmptyComponent),
        ("/a", NameError::EmptyComponent),
        ("a/", NameError::EmptyComponent),
        ("a//b", NameError::EmptyComponent),
        (&long, NameError::TooLong),
        ("Upper/x", NameError::Character('U')),
        ("a b", NameError::Character(' ')),
        ("a/%2e", NameError::Character('%')),
        ("a\0", NameError::Character('\0')),
        ("a:b", NameError::Character(':')),
        ("é", NameError::Character('é')),
        ("a\n", NameError::Character('\n')),
        ("a/../b", NameError::Separator),
        ("a/./b", NameError::Separator),
        (".", NameError::Separator),
        ("-a", NameError::Separator),
        ("a-", NameError::Separator),
        ("_a", NameError::Separator),
        ("a_", NameError::Separator),
        ("a/-/b", NameError::Separator),
        ("a..b", NameError::Separator),
        ("a___b", NameError::Separator),
        ("a.-b", NameError::Separator),
        ("a-_b", NameError::Separator),
        ("a_.b", NameError::Separator),
        ("a/b_", NameError::Separator),
    ] {
        assert_eq!(text.parse::<RepositoryName>(), Err(reason), "{text}");
        assert!(!is_name(text), "{text}");
    }
}

#[test]
fn namespace_is_the_first_component() {
    for (text, namespace) in [("a", "a"), ("a/b", "a"), ("team-x/b/c", "team-x")] {
        assert_eq!(
            text.parse::<RepositoryName>().unwrap().namespace(),
            namespace
        );
    }
}

proptest! {
    #[test]
    fn every_name_of_the_grammar_round_trips(
        text in "[a-z0-9]{1,4}((\\.|_|__|-{1,3})[a-z0-9]{1,4}){0,3}(/[a-z0-9]{1,4}((\\.|_|__|-{1,3})[a-z0-9]{1,4}){0,3}){0,3}"
    ) {
        let name: RepositoryName = text.parse().unwrap();
        prop_assert_eq!(name.to_string(), text.as_str());
        let json = serde_json::to_string(&name).unwrap();
        prop_assert_eq!(serde_json::from_str::<RepositoryName>(&json).unwrap(), name);
    }

    #[test]
    fn agrees_with_the_naive_reading(text in "[ab0A._/-]{0,12}") {
        prop_assert_eq!(text.parse::<RepositoryName>().is_ok(), is_name(&text));
    }

    #[test]
    fn agrees_with_the_naive_reading_on_any_text(text in any::<String>()) {
        prop_assert_eq!(text.parse::<RepositoryName>().is_ok(), is_name(&text));
    }

    #[test]
    fn agrees_with_the_naive_reading_at_the_length_limit(text in "[a/]{1,3}[a]{248,256}") {
        prop_assert_eq!(text.parse::<RepositoryName>().is_ok(), is_name(&text));
    }
}
