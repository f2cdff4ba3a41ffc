//! DER (ITU-T X.690): elements that say what they are, how long, and hold others. Whatever does not fit is nothing.

/// An element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    /// What it is.
    pub(super) tag: u8,
    /// What it holds.
    pub(super) content: &'a [u8],
    /// All of it, tag and length included.
    pub(super) whole: &'a [u8],
}

/// Elements one after another.
#[derive(Debug, Clone)]
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Elements<'a> {
    /// The next one if it is of this kind; it stays if not.
    pub(super) fn next_if(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut after = self.clone();
        let element = after.next().filter(|element| element.tag == tag)?;
        *self = after;
        Some(element)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, after_tag) = self.0.split_first()?;
        let (length, after_length) = length(after_tag)?;
        let (content, rest) = after_length.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - rest.len())?;
        self.0 = rest;
        Some(Element {
            tag,
            content,
            whole,
        })
    }
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some((usize::from(first), rest));
    }
    let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    if digits.is_empty() || digits.len() > 3 {
        return None;
    }
    let length = digits
        .iter()
        .fold(0, |length, digit| length << 8 | usize::from(*digit));
    Some((length, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_told_apart() {
        let bytes = [0x02, 1, 7, 0x04, 0x81, 2, 1, 2];
        let all: Vec<_> = Elements(&bytes)
            .map(|element| (element.tag, element.content.to_vec()))
            .collect();
        assert_eq!(all, [(0x02, vec![7]), (0x04, vec![1, 2])]);
        let mut elements = Elements(&bytes);
        assert!(elements.next_if(0x04).is_none());
        assert_eq!(elements.next_if(0x02).unwrap().whole, &bytes[..3]);
    }

    #[test]
    fn what_is_cut_is_nothing() {
        for bytes in [
            &[0x02][..],
            &[0x02, 2, 1],
            &[0x02, 0x80],
            &[0x02, 0x84, 0, 0, 0, 1, 1],
        ] {
            assert!(Elements(bytes).next().is_none(), "{bytes:?}");
        }
    }
}
