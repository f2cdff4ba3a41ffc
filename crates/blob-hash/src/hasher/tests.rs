//! Against the sha2 crate's own hashers and the published vectors, on both engines.

use oci_types::{Algorithm, Digest};
use proptest::prelude::*;
use sha2::Digest as _;

use super::{Hasher, digest};
use crate::{Engine, HashState};

const ALGORITHMS: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Sha512];
const ENGINES: [Engine; 2] = [Engine::Sha2, Engine::AwsLc];

fn expected(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let hash = match algorithm {
        Algorithm::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
        Algorithm::Sha512 => sha2::Sha512::digest(bytes).to_vec(),
    };
    Digest::new(algorithm, &hash).unwrap()
}

/// Stores and resumes the hash, on an engine of the caller's choice.
fn through_store(hasher: &Hasher, engine: Engine) -> Hasher {
    let stored = hasher.state().as_bytes().to_vec();
    let mut resumed = Hasher::resume(&HashState::from_bytes(stored).unwrap()).unwrap();
    assert_eq!(resumed.length(), hasher.length());
    assert_eq!(resumed.algorithm(), hasher.algorithm());
    resumed.engine = engine;
    resumed
}

fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// FIPS 180-4's examples and the NIST long vector.
#[test]
fn published_vectors() {
    let million = vec![b'a'; 1_000_000];
    let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    let vectors: [(&[u8], &str); 7] = [
        (
            b"",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            b"abc",
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            two_blocks,
            "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            &million,
            "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        ),
        (
            b"",
            "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
             47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
        ),
        (
            b"abc",
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (
            &million,
            "sha512:e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb\
             de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
        ),
    ];
    for (bytes, text) in vectors {
        let expected: Digest = text.parse().unwrap();
        assert_eq!(digest(expected.algorithm(), bytes), expected);
        for engine in ENGINES {
            let mut hasher = Hasher::on(engine, expected.algorithm());
            hasher.update(bytes);
            assert_eq!(
                hasher.finish(),
                expected,
                "{engine} on {} bytes",
                bytes.len()
            );
        }
    }
}

#[test]
fn every_length_around_block_boundaries() {
    let bytes = pattern(3 * 128 + 2);
    for algorithm in ALGORITHMS {
        for engine in ENGINES {
            for length in 0..=bytes.len() {
                let mut hasher = Hasher::on(engine, algorithm);
                hasher.update(&bytes[..length]);
                assert_eq!(
                    hasher.finish(),
                    expected(algorithm, &bytes[..length]),
                    "{engine}, {algorithm}, {length} bytes"
                );
            }
        }
    }
}

#[test]
fn resumes_at_every_position_on_the_other_engine() {
    let bytes = pattern(3 * 128 + 2);
    for algorithm in ALGORITHMS {
        let whole = expected(algorithm, &bytes);
        for [first, second] in [ENGINES, [Engine::AwsLc, Engine::Sha2]] {
            for position in 0..=bytes.len() {
                let mut hasher = Hasher::on(first, algorithm);
                hasher.update(&bytes[..position]);
                let mut resumed = through_store(&hasher, second);
                resumed.update(&bytes[position..]);
                assert_eq!(resumed.finish(), whole, "{algorithm} cut at {position}");
            }
        }
    }
}

#[test]
fn a_state_does_not_depend_on_how_the_bytes_came() {
    let bytes = pattern(1_000);
    for algorithm in ALGORITHMS {
        let mut at_once = Hasher::on(Engine::Sha2, algorithm);
        at_once.update(&bytes);
        let mut in_pieces = Hasher::on(Engine::AwsLc, algorithm);
        bytes.chunks(7).for_each(|piece| in_pieces.update(piece));
        assert_eq!(at_once.state(), in_pieces.state());
    }
}

#[test]
fn a_clone_is_a_fork() {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(b"here");
    let mut fork = hasher.clone();
    fork.update(b" and there");
    assert_eq!(hasher.finish(), digest(Algorithm::Sha256, b"here"));
    assert_eq!(fork.finish(), digest(Algorithm::Sha256, b"here and there"));
}

/// More than 2^32 bits and more than 2^32 bytes behind it: the count and the padding must carry.
#[test]
fn counts_beyond_32_bits() {
    let block = vec![0_u8; 1 << 20];
    for algorithm in ALGORITHMS {
        let mut ours = Hasher::new(algorithm);
        for _ in 0..3 {
            ours.update(&block);
        }
        let mut bytes = ours.state().as_bytes().to_vec();
        let length = (5_u64 << 32) + 3;
        bytes[2..10].copy_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(b"end");
        let ours = Hasher::resume(&HashState::from_bytes(bytes).unwrap()).unwrap();
        assert_eq!(ours.length(), length);
        assert_eq!(ours.finish(), by_sha2_at(algorithm, &block, length));
    }
}

/// What the sha2 crate says of the same made-up state, through its own serialized form.
fn by_sha2_at(algorithm: Algorithm, block: &[u8], length: u64) -> Digest {
    use sha2::digest::common::hazmat::SerializableState;

    let hash = match algorithm {
        Algorithm::Sha256 => {
            let mut hasher = sha2::Sha256::new();
            (0..3).for_each(|_| hasher.update(block));
            let mut state = hasher.serialize();
            state[32..40].copy_from_slice(&(length / 64).to_le_bytes());
            let mut hasher = sha2::Sha256::deserialize(&state).unwrap();
            hasher.update(b"end");
            hasher.finalize().to_vec()
        }
        Algorithm::Sha512 => {
            let mut hasher = sha2::Sha512::new();
            (0..3).for_each(|_| hasher.update(block));
            let mut state = hasher.serialize();
            state[64..80].copy_from_slice(&u128::from(length / 128).to_le_bytes());
            let mut hasher = sha2::Sha512::deserialize(&state).unwrap();
            hasher.update(b"end");
            hasher.finalize().to_vec()
        }
    };
    Digest::new(algorithm, &hash).unwrap()
}

proptest! {
    #[test]
    fn agrees_with_sha2_however_it_is_cut_and_stored(
        bytes in prop::collection::vec(any::<u8>(), 0..5_000),
        cuts in prop::collection::vec((0_usize..700, any::<bool>(), any::<bool>()), 0..12),
        sha512 in any::<bool>(),
    ) {
        let algorithm = ALGORITHMS[usize::from(sha512)];
        let mut hasher = Hasher::new(algorithm);
        let mut rest = &bytes[..];
        for (length, stored, engine) in cuts {
            let (piece, after) = rest.split_at(length.min(rest.len()));
            hasher.engine = ENGINES[usize::from(engine)];
            hasher.update(piece);
            if stored {
                hasher = through_store(&hasher, hasher.engine);
            }
            rest = after;
        }
        hasher.update(rest);
        prop_assert_eq!(hasher.length(), bytes.len() as u64);
        prop_assert_eq!(hasher.finish(), expected(algorithm, &bytes));
    }

    #[test]
    fn any_well_formed_state_resumes_as_it_was_stored(
        sha512 in any::<bool>(),
        length in 0..u64::MAX / 8,
        words_and_tail in prop::collection::vec(any::<u8>(), 64 + 128),
    ) {
        let (words, block) = if sha512 { (64, 128) } else { (32, 64) };
        let mut bytes = vec![1, 1 + u8::from(sha512)];
        bytes.extend_from_slice(&length.to_le_bytes());
        let tail = usize::try_from(length % block).unwrap();
        bytes.extend_from_slice(&words_and_tail[..words + tail]);
        let state = HashState::from_bytes(bytes).unwrap();
        let hasher = Hasher::resume(&state).unwrap();
        prop_assert_eq!(hasher.length(), length);
        prop_assert_eq!(hasher.state(), state);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(state) = HashState::from_bytes(bytes) {
            Hasher::resume(&state).unwrap().finish();
        }
    }
}
