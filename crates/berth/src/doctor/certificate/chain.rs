//! What an X.509 certificate says (RFC 5280 section 4.1), as far as it concerns its operator.

use std::fmt;
use std::net::IpAddr;

use super::der::Elements;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const ADDRESS: u8 = 0x87;
/// 2.5.29.17, subjectAltName.
const ALTERNATIVE_NAME: [u8; 3] = [0x55, 0x1d, 0x11];

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    /// Who it is about, as it is encoded.
    pub(super) subject: Vec<u8>,
    /// Who signed it.
    pub(super) issuer: Vec<u8>,
    pub(super) not_before: Moment,
    pub(super) not_after: Moment,
    hosts: Vec<String>,
    addresses: Vec<IpAddr>,
}

/// A moment, to the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    /// Since 1970.
    pub(super) seconds: i64,
    date: String,
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.date)
    }
}

impl Certificate {
    /// Reads one in DER form.
    pub(super) fn parse(der: &[u8]) -> Option<Self> {
        let certificate = Elements(der).next_if(SEQUENCE)?;
        let signed = Elements(certificate.content).next_if(SEQUENCE)?;
        let mut fields = Elements(signed.content);
        let _ = fields.next_if(VERSION);
        fields.next_if(INTEGER)?;
        let _algorithm = fields.next_if(SEQUENCE)?;
        let issuer = fields.next_if(SEQUENCE)?;
        let mut validity = Elements(fields.next_if(SEQUENCE)?.content);
        let subject = fields.next_if(SEQUENCE)?;
        let extensions = fields.find(|field| field.tag == EXTENSIONS);
        let names = extensions.and_then(|field| alternative_names(field.content));
        let names = names.unwrap_or(Elements(&[]));
        Some(Self {
            subject: subject.whole.to_vec(),
            issuer: issuer.whole.to_vec(),
            not_before: moment(&mut validity)?,
            not_after: moment(&mut validity)?,
            hosts: names
                .clone()
                .filter(|name| name.tag == DNS_NAME)
                .map(|name| String::from_utf8_lossy(name.content).to_ascii_lowercase())
                .collect(),
            addresses: names
                .filter(|name| name.tag == ADDRESS)
                .filter_map(|name| address(name.content))
                .collect(),
        })
    }

    /// Whether clients accept it for this host.
    pub(super) fn covers(&self, host: &str) -> bool {
        match host.parse::<IpAddr>() {
            Ok(address) => self.addresses.contains(&address),
            Err(_) => self.hosts.iter().any(|pattern| matches(pattern, host)),
        }
    }

    /// All that it is for.
    pub(super) fn names(&self) -> String {
        let addresses = self.addresses.iter().map(ToString::to_string);
        let names: Vec<String> = self.hosts.iter().cloned().chain(addresses).collect();
        if names.is_empty() {
            "no name at all".to_owned()
        } else {
            names.join(", ")
        }
    }
}

/// RFC 9525 section 6.3: a star stands for one whole label, the first.
fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => pattern == host,
    }
}

fn alternative_names(extensions: &[u8]) -> Option<Elements<'_>> {
    let all = Elements(extensions).next_if(SEQUENCE)?;
    for extension in Elements(all.content) {
        let mut fields = Elements(extension.content);
        let kind = fields.next_if(OBJECT)?;
        let _critical = fields.next_if(BOOLEAN);
        let value = fields.next_if(OCTETS)?;
        if kind.content == ALTERNATIVE_NAME {
            let names = Elements(value.content).next_if(SEQUENCE)?;
            return Some(Elements(names.content));
        }
    }
    None
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

/// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
fn moment(fields: &mut Elements<'_>) -> Option<Moment> {
    let time = fields.next()?;
    let text = std::str::from_utf8(time.content).ok()?.strip_suffix('Z')?;
    if !text.is_ascii() {
        return None;
    }
    let text = match time.tag {
        // RFC 5280 section 4.1.2.5.1.
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    let days = days_since_1970(year, month, day);
    Some(Moment {
        seconds: ((days * 24 + hour) * 60 + minute) * 60 + second,
        date: format!("{year:04}-{month:02}-{day:02}"),
    })
}

/// In years that begin in March, so that the day that comes and goes is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let months_since_march = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * months_since_march + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_over_leap_years() {
        for (date, days) in [
            ((1970, 1, 1), 0),
            ((1969, 12, 31), -1),
            ((2000, 2, 29), 11_016),
            ((2000, 3, 1), 11_017),
            ((2026, 11, 21), 20_778),
        ] {
            let (year, month, day) = date;
            assert_eq!(days_since_1970(year, month, day), days, "{date:?}");
        }
    }

    #[test]
    fn both_forms_of_time_are_read() {
        for (tag, text, date, seconds) in [
            (UTC_TIME, "700101000001Z", "1970-01-01", 1),
            (UTC_TIME, "261121000000Z", "2026-11-21", 20_778 * 86_400),
            (
                GENERALIZED_TIME,
                "20500101000000Z",
                "2050-01-01",
                2_524_608_000,
            ),
        ] {
            let length = u8::try_from(text.len()).unwrap();
            let bytes = [&[tag, length], text.as_bytes()].concat();
            let read = moment(&mut Elements(&bytes)).unwrap();
            assert_eq!((read.to_string().as_str(), read.seconds), (date, seconds));
        }
    }

    #[test]
    fn a_star_is_one_label() {
        for (pattern, host, expected) in [
            ("example.com", "example.com", true),
            ("*.example.com", "registry.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("example.com", "registry.example.com", false),
        ] {
            assert_eq!(matches(pattern, host), expected, "{pattern} {host}");
        }
    }
}
