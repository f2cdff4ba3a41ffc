//! Decodes the `data` of a descriptor: RFC 4648 section 4, padded, canonical, nothing else.

/// The bytes, or `None` if `text` is not the one encoding of any.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let (groups, []) = text.as_bytes().as_chunks::<4>() else {
        return None;
    };
    let mut decoded = Vec::with_capacity(3 * groups.len());
    for (index, group) in groups.iter().enumerate() {
        let padding = match group {
            _ if index + 1 < groups.len() => 0,
            [_, _, b'=', b'='] => 2,
            [_, _, _, b'='] => 1,
            _ => 0,
        };
        let mut bits = 0;
        for &digit in &group[..4 - padding] {
            bits = bits << 6 | sextet(digit)?;
        }
        let [_, bytes @ ..] = (bits << (6 * padding)).to_be_bytes();
        let (kept, dropped) = bytes.split_at(3 - padding);
        if dropped.iter().any(|&byte| byte != 0) {
            return None;
        }
        decoded.extend_from_slice(kept);
    }
    Some(decoded)
}

/// The six bits a digit stands for.
fn sextet(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn decodes_the_vectors_of_rfc_4648() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(decode("+/+/"), Some(vec![0xfb, 0xff, 0xbf]));
    }

    #[test]
    fn refuses_what_is_not_canonical() {
        for text in [
            "Zg", "Zg=", "Zg===", "Z===", "====", "Zm9v=", "Zh==", "Zm9=", "Zg==Zg==", "Zm9v\n",
            " Zm9", "Zm-v", "Zm_v", "Zmé",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
