//! Figures as text: short enough to compare at a glance.

use crate::work::Figure;

pub(super) fn times(ratio: f64) -> String {
    if ratio < 10.0 {
        format!("{ratio:.1} x")
    } else {
        format!("{ratio:.0} x")
    }
}

pub(super) fn pair(p50: f64, p99: f64) -> String {
    format!("{p50:.2} / {p99:.2}")
}

pub(super) fn rate(figure: Figure, rate: f64) -> String {
    match figure {
        Figure::Operations | Figure::Memory => format!("{}/s", grouped(rate)),
        Figure::Volume => format!("{} MiB/s", grouped(rate)),
    }
}

pub(super) fn cpu(figure: Figure, cpu: f64) -> String {
    match figure {
        Figure::Operations | Figure::Memory => format!("{} us", grouped(cpu)),
        Figure::Volume => format!("{cpu:.2} s/GiB"),
    }
}

/// Thousands apart; small numbers with a decimal.
fn grouped(number: f64) -> String {
    if number < 100.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let first = digits.len() % 3;
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        assert_eq!(grouped(12.34), "12.3");
        assert_eq!(grouped(999.6), "1,000");
        assert_eq!(grouped(123_456.0), "123,456");
        assert_eq!(grouped(1_234_567.0), "1,234,567");
    }
}
