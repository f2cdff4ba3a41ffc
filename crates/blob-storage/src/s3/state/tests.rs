use super::*;

fn part(number: u32, tag: &str) -> Part {
    let (size, tag) = (u64::from(number) * 100, tag.to_owned());
    Part { number, size, tag }
}

fn parts(parts: &[Part]) -> Parts {
    let mut all = Parts::default();
    for part in parts {
        all.push(part);
    }
    all
}

fn piece(name: PieceName, size: u64) -> Piece {
    let fence = 2;
    Piece { name, fence, size }
}

fn full() -> State {
    State {
        fence: 7,
        superseded: true,
        upload: Some(Upload {
            fence: 3,
            id: "an \"id\"".to_owned(),
            part_size: 8,
            checksums: true,
            parts: parts(&[part(1, "a"), part(2, "b")]),
            closed: false,
        }),
        pieces: vec![piece(PieceName::Parked, 10), piece(PieceName::Tail, 5)],
        inline: Bytes::from_static(b"\0\x01rest"),
    }
}

fn object(committed: u64, state: &State) -> UploadObject {
    UploadObject {
        committed,
        state: state.encode().unwrap(),
        ..UploadObject::new(StorageKey {
            session: Uuid::nil(),
            fence: 8,
        })
    }
}

#[test]
fn states_round_trip() {
    for state in [State::default(), full()] {
        let object = object(state.size(), &state);
        assert_eq!(State::of(&object).unwrap(), state);
    }
    assert_eq!(full().size(), 300 + 15 + 6);
    assert_eq!(full().loose(), 15 + 6);
}

/// What a release wrote is read by all that follow.
#[test]
fn states_are_written_as_ever() {
    let json = br#"{"fence":4,"superseded":false,"pieces":[{"name":"object","fence":4,"size":9}]}"#;
    let mut bytes = vec![1, 0, 0, 0, u8::try_from(json.len()).unwrap()];
    bytes.extend(json);
    let state = State::decode(&bytes.into()).unwrap();
    assert_eq!(
        state.whole(),
        Some(Piece {
            name: PieceName::Object,
            fence: 4,
            size: 9,
        })
    );
    let text = String::from_utf8(full().encode().unwrap().to_vec()).unwrap();
    for part in [
        r#""upload":{"fence":3,"id":"an \"id\"","part_size":8,"checksums":true,"parts":{"count":2,"size":300,"chain":""#,
        r#"},"closed":false},"pieces":[{"name":"parked","fence":2,"size":10},{"name":"tail""#,
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn another_number_of_bytes_is_lost() {
    for committed in [0, 320, 322] {
        let lost = State::of(&object(committed, &full()));
        assert!(matches!(lost, Err(BlobStoreError::Lost(_))), "{lost:?}");
    }
}

#[test]
fn what_is_no_state_is_refused() {
    let sound = full().encode().unwrap();
    for bytes in [
        &b"\x02"[..],
        b"\x01\0\0",
        b"\x01\0\0\0\x02{",
        b"\x01\0\0\0\x02{}",
        &sound[1..],
    ] {
        let error = State::decode(&Bytes::copy_from_slice(bytes)).unwrap_err();
        assert!(!error.to_string().is_empty());
    }
    let error = State::decode(&Bytes::from_static(b"\x02")).unwrap_err();
    assert!(error.to_string().contains("version 2"), "{error}");
}

#[test]
fn one_piece_alone_is_the_whole() {
    let alone = |name| State {
        pieces: vec![piece(name, 10)],
        ..State::default()
    };
    for name in [PieceName::Object, PieceName::Parked] {
        assert_eq!(alone(name).whole(), Some(piece(name, 10)));
    }
    assert_eq!(alone(PieceName::Tail).whole(), None);
    assert_eq!(State::default().whole(), None);
    let more = State {
        inline: Bytes::from_static(b"x"),
        ..alone(PieceName::Object)
    };
    assert_eq!(more.whole(), None);
    let two = State {
        pieces: vec![piece(PieceName::Object, 10); 2],
        ..State::default()
    };
    assert_eq!(two.whole(), None);
    let upload = State {
        upload: full().upload,
        ..alone(PieceName::Object)
    };
    assert_eq!(upload.whole(), None);
}

#[test]
fn parts_are_known_again() {
    let all = [part(1, "a"), part(2, "b"), part(3, "c")];
    let known = parts(&all);
    assert!(known.are(&all));
    assert!(Parts::default().are(&[]));
    // A checksum is no part of a name.
    assert!(known.are(&[part(1, "a crc32=x"), part(2, "b"), part(3, "c")]));
    for others in [
        &all[..2],
        &all[1..],
        &[part(2, "b"), part(1, "a"), part(3, "c")],
        &[part(1, "a"), part(2, "x"), part(3, "c")],
        &[part(1, "a"), part(2, "b"), part(4, "c")],
    ] {
        assert!(!known.are(others), "{others:?}");
    }
}

#[test]
fn holders_who_recorded_nothing_may_have_left_something() {
    for (fence, superseded) in [(1, false), (2, true), (5, true)] {
        let state = State::default().taken_over(fence);
        assert_eq!((state.fence, state.superseded), (fence, superseded));
    }
    let state = State::default().taken_over(1).taken_over(2).taken_over(2);
    assert!(!state.superseded);
    assert!(state.taken_over(4).taken_over(5).superseded, "for good");
}
