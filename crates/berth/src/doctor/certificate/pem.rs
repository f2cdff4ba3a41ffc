//! PEM (RFC 7468): the bytes between `BEGIN` and `END`. Just enough to show what a file holds; the server reads its
//! certificates itself.

/// The contents of all blocks with this label; nothing if one is damaged.
pub(super) fn blocks(text: &str, label: &str) -> Option<Vec<Vec<u8>>> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(&begin) {
        let (block, after) = after.split_once(&end)?;
        blocks.push(base64(block)?);
        rest = after;
    }
    Some(blocks)
}

/// RFC 4648 section 4, with line breaks between.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for letter in text.bytes().filter(|letter| !letter.is_ascii_whitespace()) {
        if letter == b'=' {
            break;
        }
        buffer = buffer << 6 | u32::from(value(letter)?);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(buffer >> bits & 0xff).ok()?);
        }
        buffer &= (1 << bits) - 1;
    }
    Some(bytes)
}

fn value(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_the_rfc_writes_it() {
        for (text, bytes) in [
            ("", "".as_bytes()),
            ("Zg==", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v\nYmFy\r\n", b"foobar"),
        ] {
            assert_eq!(base64(text).as_deref(), Some(bytes));
        }
        assert_eq!(base64("+/+/").as_deref(), Some(&[0xfb, 0xff, 0xbf][..]));
        assert_eq!(base64("Zm9v*"), None);
    }

    #[test]
    fn only_blocks_with_the_label_are_read() {
        let text = "words\n-----BEGIN A-----\nZg==\n-----END A-----\n-----BEGIN B-----\nZm8=\n-----END B-----\n";
        assert_eq!(blocks(text, "A"), Some(vec![b"f".to_vec()]));
        assert_eq!(blocks(text, "C"), Some(Vec::new()));
        assert_eq!(blocks("-----BEGIN A-----\nZg==\n", "A"), None);
    }
}
