//! Tables and round trips of digests.

use proptest::prelude::*;

use super::{Algorithm, Digest, DigestError};
use crate::Tag;

const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn any_digest() -> impl Strategy<Value = Digest> {
    let sha256 = any::<[u8; 32]>().prop_map(|hash| Digest::new(Algorithm::Sha256, &hash).unwrap());
    let sha512 = prop::collection::vec(any::<u8>(), 64)
        .prop_map(|hash| Digest::new(Algorithm::Sha512, &hash).unwrap());
    prop_oneof![sha256, sha512]
}

#[test]
fn reads_and_writes_the_digest_of_nothing() {
    let digest: Digest = EMPTY.parse().unwrap();
    assert_eq!(digest.algorithm(), Algorithm::Sha256);
    assert_eq!(digest.hash()[..4], [0xe3, 0xb0, 0xc4, 0x42]);
    assert_eq!(digest.to_string(), EMPTY);
    assert_eq!(format!("{digest:?}"), EMPTY);
}

#[test]
fn refuses_malformed_digests() {
    let hex = "a".repeat(64);
    for text in [
        String::new(),
        ":".to_owned(),
        "sha256".to_owned(),
        "sha256:".to_owned(),
        "sha256:abc".to_owned(),
        hex.clone(),
        format!(":{hex}"),
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{hex}a"),
        format!("sha256:{hex}{hex}"),
        format!("sha512:{hex}"),
        format!("sha256:{}", hex.to_uppercase()),
        format!("sha256:{}A", &hex[1..]),
        format!("sha256:{}g", &hex[1..]),
        format!("sha256:é{}", &hex[2..]),
        format!("sha256::{}", &hex[1..]),
        format!(" sha256:{hex}"),
        format!("sha256:{hex}\n"),
        format!("SHA256:{hex}"),
        format!("sha256+:{hex}"),
        format!("+sha256:{hex}"),
        format!("sha256++b:{hex}"),
        format!("{}:{hex}", "a".repeat(33)),
    ] {
        assert_eq!(
            text.parse::<Digest>(),
            Err(DigestError::Malformed),
            "{text}"
        );
    }
}

#[test]
fn tells_unsupported_algorithms_from_malformed_ones() {
    for (text, algorithm) in [
        ("md5:d41d8cd98f00b204e9800998ecf8427e", "md5"),
        ("md5:", "md5"),
        ("sha256+x:abc", "sha256+x"),
        ("sha384:abc", "sha384"),
        (
            "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8",
            "multihash+base58",
        ),
    ] {
        let expected = DigestError::Unsupported(algorithm.to_owned());
        assert_eq!(text.parse::<Digest>(), Err(expected), "{text}");
    }
}

#[test]
fn refuses_hashes_and_storage_forms_of_the_wrong_length() {
    assert_eq!(
        Digest::new(Algorithm::Sha256, &[0; 31]),
        Err(DigestError::Malformed)
    );
    assert_eq!(
        Digest::new(Algorithm::Sha512, &[0; 32]),
        Err(DigestError::Malformed)
    );
    for bytes in [
        &[][..],
        &[1],
        &[1; 32],
        &[1; 34],
        &[2; 33],
        &[3; 33],
        &[0; 33],
    ] {
        assert_eq!(
            Digest::from_bytes(bytes),
            Err(DigestError::Malformed),
            "{bytes:?}"
        );
    }
}

#[test]
fn storage_form_is_the_algorithm_and_the_hash() {
    let sha256 = Digest::new(Algorithm::Sha256, &[7; 32]).unwrap();
    let sha512 = Digest::new(Algorithm::Sha512, &[7; 64]).unwrap();
    assert_eq!(sha256.to_bytes(), [&[1][..], &[7; 32]].concat());
    assert_eq!(sha512.to_bytes(), [&[2][..], &[7; 64]].concat());
}

#[test]
fn fallback_tags_follow_the_tag_schema() {
    let sha256: Digest = EMPTY.parse().unwrap();
    let tag = sha256.to_fallback_tag();
    assert_eq!(tag.as_str(), EMPTY.replace(':', "-"));
    assert_eq!(Digest::from_fallback_tag(&tag), Some(sha256));

    let sha512 = Digest::new(Algorithm::Sha512, &[0xab; 64]).unwrap();
    let tag = sha512.to_fallback_tag();
    assert_eq!(tag.as_str(), format!("sha512-{}", "ab".repeat(32)));
    assert_eq!(
        Digest::from_fallback_tag(&tag),
        None,
        "half of the hash is gone"
    );
}

#[test]
fn other_tags_are_no_fallback_tags() {
    let hex = "a".repeat(64);
    for text in [
        "latest".to_owned(),
        "sha256-".to_owned(),
        format!("sha256-{}", &hex[1..]),
        format!("sha256-{hex}a"),
        format!("sha256-{hex}.sig"),
        format!("sha256-{}", hex.to_uppercase()),
        format!("sha256_{hex}"),
        format!("sha512-{hex}"),
    ] {
        let tag: Tag = text.parse().unwrap();
        assert_eq!(Digest::from_fallback_tag(&tag), None, "{text}");
    }
}

#[test]
fn algorithms_round_trip() {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        assert_eq!(
            Digest::new(algorithm, &vec![0; algorithm.hash_len()])
                .unwrap()
                .algorithm(),
            algorithm
        );
    }
    assert_eq!("SHA256".parse::<Algorithm>(), Err(DigestError::Malformed));
}

proptest! {
    #[test]
    fn text_round_trips(digest in any_digest()) {
        prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        let json = serde_json::to_string(&digest).unwrap();
        prop_assert_eq!(&json, &format!("\"{digest}\""));
        prop_assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
    }

    #[test]
    fn storage_form_round_trips(digest in any_digest()) {
        prop_assert_eq!(Digest::from_bytes(&digest.to_bytes()).unwrap(), digest);
    }

    #[test]
    fn order_is_that_of_text_and_storage_form(left in any_digest(), right in any_digest()) {
        prop_assert_eq!(left.cmp(&right), left.to_string().cmp(&right.to_string()));
        prop_assert_eq!(left.cmp(&right), left.to_bytes().cmp(&right.to_bytes()));
    }

    #[test]
    fn only_the_text_of_a_digest_is_one(text in "(sha256|sha512|md5|SHA256)?:?[0-9a-fA-F]{60,68}|.*") {
        if let Ok(digest) = text.parse::<Digest>() {
            prop_assert_eq!(digest.to_string(), text);
        }
    }
}
