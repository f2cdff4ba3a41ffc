//! Tables of both kinds of ranges, and comparisons with their definitions.

use proptest::prelude::*;

use super::{ByteRange, ContentRange, ContentRangeError, ResolvedRange};

const HUGE: &str = "99999999999999999999";

fn resolve(header: &str, size: u64) -> ResolvedRange {
    ByteRange::parse(Some(header)).resolve(size)
}

#[test]
fn sends_the_parts_asked_for() {
    for (header, size, start, end_inclusive) in [
        ("bytes=0-0", 1, 0, 0),
        ("bytes=0-499", 2_048, 0, 499),
        ("bytes=500-1499", 2_048, 500, 1_499),
        ("bytes=500-", 2_048, 500, 2_047),
        ("bytes=-500", 2_048, 1_548, 2_047),
        ("bytes=2000-5000", 2_048, 2_000, 2_047),
        ("bytes=-5000", 2_048, 0, 2_047),
        ("bytes=0-99999999999999999999", 2_048, 0, 2_047),
        ("bytes=-99999999999999999999", 2_048, 0, 2_047),
        ("Bytes=007-0008", 2_048, 7, 8),
        ("bytes= 1-2 ", 2_048, 1, 2),
        ("bytes=,1-2,, ", 2_048, 1, 2),
        ("bytes=0-", u64::MAX, 0, u64::MAX - 1),
    ] {
        let expected = ResolvedRange::Part {
            start,
            end_inclusive,
        };
        assert_eq!(resolve(header, size), expected, "{header} of {size}");
    }
}

#[test]
fn refuses_parts_that_do_not_exist() {
    for (header, size) in [
        ("bytes=500-0", 2_048),
        ("bytes=2048-", 2_048),
        ("bytes=2048-2048", 2_048),
        ("bytes=5000-10000", 2_048),
        ("bytes=-0", 2_048),
        ("bytes=-0", 0),
        ("bytes=0-", 0),
        ("bytes=0-0", 0),
        (&format!("bytes={HUGE}-"), 2_048),
    ] {
        assert_eq!(
            resolve(header, size),
            ResolvedRange::Unsatisfiable,
            "{header} of {size}"
        );
    }
}

#[test]
fn sends_everything_when_the_header_is_not_for_us() {
    let many = format!("bytes={}", vec!["0-0"; 1_000].join(","));
    for header in [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=-+1",
        "bytes=0x1-0x2",
        "bytes=1 -2",
        "bytes 1-2",
        "bytes =1-2",
        "lines=1-2",
        "bytes=0-1,3-4",
        "bytes=１-２",
        &many,
    ] {
        assert_eq!(resolve(header, 2_048), ResolvedRange::Whole, "{header}");
    }
    assert_eq!(ByteRange::parse(None).resolve(2_048), ResolvedRange::Whole);
    assert_eq!(
        resolve("bytes=-1", 0),
        ResolvedRange::Whole,
        "there is no last byte of nothing"
    );
}

#[test]
fn reads_the_ranges_of_chunks() {
    for (text, start, end_inclusive) in [
        ("0-0", 0, 0),
        ("0-1023", 0, 1_023),
        ("1024-2047", 1_024, 2_047),
        ("bytes 0-9", 0, 9),
        ("bytes=0-9", 0, 9),
        ("bytes 0-9/10", 0, 9),
        ("0-9/*", 0, 9),
        ("007-0008", 7, 8),
        ("0-18446744073709551614", 0, u64::MAX - 1),
    ] {
        let range: ContentRange = text.parse().unwrap();
        assert_eq!(
            (range.start(), range.end_inclusive()),
            (start, end_inclusive),
            "{text}"
        );
        assert_eq!(range.length(), end_inclusive - start + 1, "{text}");
    }
}

#[test]
fn refuses_what_is_no_range_of_a_chunk() {
    for text in [
        "",
        "-",
        "5",
        "0-",
        "-5",
        "a-b",
        "0-9-10",
        "+0-9",
        "0-+9",
        "0x0-0x9",
        " 0-9",
        "0-9 ",
        "bytes0-9",
        "bytes  0-9",
        "bytes:0-9",
        "bytes bytes 0-9",
        "0-9/",
        "0-9/x",
        "0-9/**",
        "0-9/*/*",
        "0-9/-1",
        "0-9/10/10",
        "*/10",
        "０-９",
        "0-18446744073709551615",
        "0-99999999999999999999",
        "99999999999999999999-9",
        "0-9/99999999999999999999",
    ] {
        assert_eq!(
            text.parse::<ContentRange>(),
            Err(ContentRangeError::Malformed),
            "{text}"
        );
    }
    for text in ["9-3", "bytes 1-0/5", "18446744073709551615-0"] {
        assert_eq!(
            text.parse::<ContentRange>(),
            Err(ContentRangeError::Inverted),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn a_part_is_what_the_two_positions_select(first in 0..40_u64, last in 0..40_u64, size in 0..40_u64) {
        let selected: Vec<u64> = (first..=last).filter(|position| *position < size).collect();
        let expected = match (selected.first(), selected.last()) {
            (Some(&start), Some(&end_inclusive)) => ResolvedRange::Part { start, end_inclusive },
            _ => ResolvedRange::Unsatisfiable,
        };
        prop_assert_eq!(resolve(&format!("bytes={first}-{last}"), size), expected);
    }

    #[test]
    fn a_suffix_is_the_last_positions(length in 1..40_u64, size in 1..40_u64) {
        let positions: Vec<u64> = (0..size).rev().take(usize::try_from(length).unwrap()).collect();
        let (end_inclusive, start) = (positions[0], positions[positions.len() - 1]);
        let expected = ResolvedRange::Part { start, end_inclusive };
        prop_assert_eq!(resolve(&format!("bytes=-{length}"), size), expected);
    }

    #[test]
    fn a_part_lies_within_the_content(header in "bytes=[0-9]{0,21}-[0-9]{0,21}|.*", size in any::<u64>()) {
        if let ResolvedRange::Part { start, end_inclusive } = resolve(&header, size) {
            prop_assert!(start <= end_inclusive && end_inclusive < size);
        }
    }

    #[test]
    fn ranges_of_chunks_round_trip(start in 0..u64::MAX, length in 0..u64::MAX) {
        let end = start.saturating_add(length).min(u64::MAX - 1);
        for text in [format!("{start}-{end}"), format!("bytes {start}-{end}/*")] {
            let range: ContentRange = text.parse().unwrap();
            prop_assert_eq!(range.to_string(), format!("{start}-{end}"));
            prop_assert_eq!(range.to_string().parse::<ContentRange>(), Ok(range));
        }
    }

    #[test]
    fn any_text_is_judged_by_its_form(text in "(bytes[ =])?[0-9+]{0,3}-[0-9 ]{0,3}(/([0-9*]{0,2}))?|.*") {
        prop_assert_eq!(
            text.parse::<ContentRange>() == Err(ContentRangeError::Malformed),
            !is_content_range(&text)
        );
    }
}

/// The form for numbers that fit, without the order of the two.
fn is_content_range(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    ["", "bytes ", "bytes="]
        .iter()
        .filter_map(|unit| text.strip_prefix(unit))
        .any(|range| {
            let parts: Vec<&str> = range.split('/').collect();
            let total =
                parts.len() == 1 || parts.len() == 2 && (digits(parts[1]) || parts[1] == "*");
            let positions: Vec<&str> = parts[0].split('-').collect();
            total && positions.len() == 2 && positions.iter().all(|position| digits(position))
        })
}
