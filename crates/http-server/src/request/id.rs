//! The id by which a request is found again in logs, responses and audit records.
//! A client may bring its own; anything that could break a log line is replaced, not repaired.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries the id in both directions.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const MAX_LENGTH: usize = 128;

/// The id of one request. An extension of every request, echoed as `X-Request-Id`.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Takes the client's id if there is exactly one and it is harmless: at most 128 of
    /// `A-Z a-z 0-9 . _ -`.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(&REQUEST_ID).iter();
        let value = values.next()?;
        (values.next().is_none() && is_harmless(value.as_bytes())).then(|| Self(value.clone()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Both constructors admit visible ASCII only, for which this cannot fail.
        self.0.to_str().unwrap_or_default()
    }

    /// The id as the value of a header.
    pub(crate) fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RequestId({})", self.as_str())
    }
}

fn is_harmless(id: &[u8]) -> bool {
    !id.is_empty()
        && id.len() <= MAX_LENGTH
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Makes ids for requests that bring none: UUIDs of version 7, so that they sort by time.
///
/// The clock is read once at the start and carried on by the monotonic one, and the random part
/// is a mixed counter over a random seed: an id costs no system call and stays unique, which is
/// all it is for. It is no secret.
#[derive(Debug)]
pub(crate) struct RequestIdSource {
    started: Instant,
    started_milliseconds: u64,
    seed: (u64, u64),
    counter: AtomicU64,
}

impl RequestIdSource {
    pub(crate) fn new() -> Self {
        let (seconds, nanoseconds) = Uuid::now_v7()
            .get_timestamp()
            .map_or((0, 0), |timestamp| timestamp.to_unix());
        Self {
            started: Instant::now(),
            started_milliseconds: seconds * 1000 + u64::from(nanoseconds / 1_000_000),
            seed: Uuid::new_v4().as_u64_pair(),
            counter: AtomicU64::new(0),
        }
    }

    /// The next id, for a request that arrived at `now`.
    pub(crate) fn next(&self, now: Instant) -> RequestId {
        let elapsed = now.saturating_duration_since(self.started).as_millis();
        let milliseconds = self.started_milliseconds + u64::try_from(elapsed).unwrap_or(0);
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&mix(self.seed.0.wrapping_add(count)).to_be_bytes());
        random[8..].copy_from_slice(&mix(self.seed.1 ^ count).to_be_bytes()[..2]);
        let id = uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid();
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = id.as_hyphenated().encode_lower(&mut text);
        RequestId(
            HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("unknown")),
        )
    }
}

/// The finisher of `SplitMix64`: a bijection, so that counters never collide, that looks random.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, time::Duration};

    use super::*;

    fn taken(values: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        }
        RequestId::from_headers(&headers).map(|id| id.to_string())
    }

    #[test]
    fn harmless_ids_are_kept() {
        for id in ["a", "A.b_c-9", &"x".repeat(128)] {
            assert_eq!(taken(&[id.as_bytes()]).as_deref(), Some(id));
        }
    }

    #[test]
    fn anything_else_is_not() {
        let long = "x".repeat(129);
        for id in ["", "a b", "a\"b", "a/b", "\u{e9}", &long] {
            assert_eq!(taken(&[id.as_bytes()]), None, "{id:?}");
        }
        assert_eq!(taken(&[b"a", b"b"]), None, "two ids");
        assert_eq!(taken(&[]), None);
    }

    #[test]
    fn made_ids_are_distinct_and_sorted_by_time() {
        let source = RequestIdSource::new();
        let now = source.started;
        let ids: HashSet<String> = (0..10_000).map(|_| source.next(now).to_string()).collect();
        assert_eq!(ids.len(), 10_000);
        let earlier = source.next(now).to_string();
        let later = source.next(now + Duration::from_millis(1)).to_string();
        assert!(earlier < later, "{earlier} {later}");
        assert_eq!(Uuid::parse_str(&earlier).unwrap().get_version_num(), 7);
    }
}
