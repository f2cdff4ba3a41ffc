//! Sizes as people write them: `512KiB`, `4MiB`, `10GiB`.

use std::fmt;
use std::str::FromStr;

use schemars::Schema;

use super::{Expected, text_schema, text_value};

/// Units from the largest down, with their length in bytes.
const UNITS: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ByteSize(u64);

impl ByteSize {
    pub(crate) const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    pub(crate) const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    pub(crate) const fn bytes(self) -> u64 {
        self.0
    }

    fn schema() -> Schema {
        text_schema("size", "^[0-9]+(B|KiB|MiB|GiB|TiB)$", &["512KiB", "4MiB"])
    }
}

text_value!(ByteSize);

impl FromStr for ByteSize {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        parse(text).map(Self).ok_or(Expected(
            "a whole number with a unit, such as 512KiB, 4MiB or 10GiB",
        ))
    }
}

fn parse(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*length)
}

impl fmt::Display for ByteSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let divides = |length: u64| self.0 != 0 && self.0.is_multiple_of(length);
        let (unit, length) = UNITS
            .into_iter()
            .find(|(_, length)| divides(*length))
            .unwrap_or(("B", 1));
        write!(formatter, "{}{unit}", self.0 / length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for (text, bytes) in [
            ("0B", 0),
            ("1B", 1),
            ("1KiB", 1024),
            ("1025B", 1025),
            ("4MiB", 4 << 20),
            ("3TiB", 3 << 40),
        ] {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!(size.bytes(), bytes);
            assert_eq!(size.to_string(), text);
        }
        assert_eq!("2048KiB".parse::<ByteSize>().unwrap().to_string(), "2MiB");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "4",
            "MiB",
            "-1MiB",
            "1.5MiB",
            "4 MiB",
            "4MB",
            "4mib",
            "99999999999TiB",
        ] {
            assert!(text.parse::<ByteSize>().is_err(), "{text:?}");
        }
    }
}
