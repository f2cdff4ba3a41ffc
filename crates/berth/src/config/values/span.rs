//! Durations as people write them: `250ms`, `10s`, `5m`, `24h`, `7d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::Schema;

use super::{Expected, text_schema, text_value};

/// Units from the longest down, with their length in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// A span of time, exact to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(u64);

impl Span {
    pub(crate) const ZERO: Self = Self(0);

    pub(crate) const fn seconds(count: u64) -> Self {
        Self(count * 1_000)
    }

    pub(crate) const fn minutes(count: u64) -> Self {
        Self(count * 60_000)
    }

    pub(crate) const fn hours(count: u64) -> Self {
        Self(count * 3_600_000)
    }

    pub(crate) const fn days(count: u64) -> Self {
        Self(count * 86_400_000)
    }

    pub(crate) const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    fn schema() -> Schema {
        text_schema("span", "^[0-9]+(ms|s|m|h|d)$", &["250ms", "10s", "24h"])
    }
}

text_value!(Span);

impl FromStr for Span {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        parse(text).map(Self).ok_or(Expected(
            "a whole number with a unit, such as 250ms, 10s, 5m, 24h or 7d",
        ))
    }
}

fn parse(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*length)
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return formatter.write_str("0s");
        }
        // A day is written as 24 hours: that is how people speak of an idle time.
        let exact = |(unit, length): &(&str, u64)| {
            self.0.is_multiple_of(*length) && (*unit != "d" || self.0 > *length)
        };
        let (unit, length) = UNITS.into_iter().find(exact).unwrap_or(("ms", 1));
        write!(formatter, "{}{unit}", self.0 / length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("250ms", 250),
            ("75s", 75_000),
            ("5m", 300_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.duration(), Duration::from_millis(milliseconds));
            assert_eq!(span.to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "10 s",
            "1w",
            "18446744073709551615h",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text:?}");
        }
    }
}
