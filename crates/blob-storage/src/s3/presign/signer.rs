//! Signature version 4 of a URL, by one access key for one day.

use std::fmt;

use aws_sdk_s3::config::Credentials;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use registry_core::ports::Timestamp;
use sha2::{Digest, Sha256};
use std::time::Duration;
use time::OffsetDateTime;

use super::super::hex;

/// What stands in a query as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Where objects are.
#[derive(Debug)]
pub(super) struct Place {
    /// Scheme and host with port.
    origin: String,
    authority: String,
    /// What stands before the name of an object.
    path: String,
    region: String,
}

impl Place {
    /// `base` is what the URL of each object begins with.
    pub(super) fn new(base: &str, region: &str) -> Option<Self> {
        let (_, rest) = base.split_once("://")?;
        let (authority, path) = rest.split_at_checked(rest.find('/')?)?;
        Some(Self {
            origin: base.strip_suffix(path)?.to_owned(),
            authority: authority.to_owned(),
            path: path.to_owned(),
            region: region.to_owned(),
        })
    }

    /// The host, without a port.
    pub(super) fn host(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.authority,
        }
    }
}

/// A key derived for one day.
pub(super) struct Signer {
    day: String,
    /// `REGION/s3/aws4_request` after the day.
    scope: String,
    /// As it stands in a query.
    credential: String,
    token: Option<String>,
    key: Hmac<Sha256>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signer({})", self.day)
    }
}

impl Signer {
    /// Nothing, if the moment has no date.
    pub(super) fn new(credentials: &Credentials, place: &Place, moment: Timestamp) -> Option<Self> {
        let day = written(moment)?.split_once('T')?.0.to_owned();
        let scope = format!("{day}/{}/s3/aws4_request", place.region);
        let secret = format!("AWS4{}", credentials.secret_access_key());
        let mut key = hmac(secret.as_bytes())?;
        for step in scope.split('/') {
            key.update(step.as_bytes());
            key = hmac(&key.finalize().into_bytes())?;
        }
        let credential = format!("{}/{scope}", credentials.access_key_id());
        let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
        Some(Self {
            day,
            scope,
            credential: encoded(&credential),
            token: credentials.session_token().map(encoded),
            key,
        })
    }

    /// Whether its day is that of the moment.
    pub(super) fn is_for(&self, moment: Timestamp) -> bool {
        written(moment).is_some_and(|moment| moment.starts_with(&self.day))
    }

    /// The URL of the object with this name, which needs no encoding.
    pub(super) fn url(
        &self,
        place: &Place,
        name: &str,
        moment: Timestamp,
        lifetime: Duration,
    ) -> Option<String> {
        let moment = written(moment)?;
        let path = format!("{}{name}", place.path);
        let query = self.query(&moment, lifetime.as_secs());
        // Method, path, query, headers, their names, and nothing about a body.
        let request = format!(
            "GET\n{path}\n{query}\nhost:{}\n\nhost\nUNSIGNED-PAYLOAD",
            place.authority
        );
        let hash = hex::encode(&Sha256::digest(request));
        let mut signature = self.key.clone();
        let text = format!("AWS4-HMAC-SHA256\n{moment}\n{}\n{hash}", self.scope);
        signature.update(text.as_bytes());
        let signature = hex::encode(&signature.finalize().into_bytes());
        let origin = &place.origin;
        Some(format!(
            "{origin}{path}?{query}&X-Amz-Signature={signature}"
        ))
    }

    /// In the order of its names, as it is signed.
    fn query(&self, moment: &str, seconds: u64) -> String {
        let credential = &self.credential;
        let token = self.token.as_ref();
        let token = token.map_or_else(String::new, |token| {
            format!("&X-Amz-Security-Token={token}")
        });
        format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={moment}\
             &X-Amz-Expires={seconds}{token}&X-Amz-SignedHeaders=host"
        )
    }
}

/// HMAC takes keys of every length.
fn hmac(key: &[u8]) -> Option<Hmac<Sha256>> {
    Hmac::new_from_slice(key).ok()
}

/// As in `20130524T000000Z`.
fn written(moment: Timestamp) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp(moment.0.div_euclid(1_000)).ok()?;
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = time.to_hms();
    Some(format!(
        "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Timestamp = Timestamp(1_369_353_600_000);

    fn credentials(token: Option<&str>) -> Credentials {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let token = token.map(str::to_owned);
        Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, token, None, "test")
    }

    /// The example of the page that is named above.
    #[test]
    fn the_example_of_the_specification_comes_out() {
        let place = Place::new("https://examplebucket.s3.amazonaws.com/", "us-east-1").unwrap();
        let signer = Signer::new(&credentials(None), &place, MOMENT).unwrap();
        let url = signer.url(&place, "test.txt", MOMENT, Duration::from_hours(24));
        assert_eq!(
            url.unwrap(),
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn a_session_token_is_signed_along() {
        let place = Place::new("http://h:9000/bucket/", "r").unwrap();
        let signer = Signer::new(&credentials(Some("a/b+c=")), &place, MOMENT).unwrap();
        let url = signer.url(&place, "k", MOMENT, Duration::from_secs(1));
        let url = url.unwrap();
        assert!(url.contains("&X-Amz-Security-Token=a%2Fb%2Bc%3D&X-Amz-SignedHeaders"));
    }

    #[test]
    fn places_are_taken_apart() {
        for (base, host, path) in [
            ("https://b.s3.amazonaws.com/", "b.s3.amazonaws.com", "/"),
            ("http://127.0.0.1:9000/b/", "127.0.0.1", "/b/"),
            ("http://[::1]:9000/b/", "[::1]", "/b/"),
            ("http://[::1]/b/", "[::1]", "/b/"),
        ] {
            let place = Place::new(base, "r").unwrap();
            assert_eq!((place.host(), place.path.as_str()), (host, path));
            assert_eq!(format!("{}{path}", place.origin), base);
        }
        for none in ["", "h/", "https://h"] {
            assert!(Place::new(none, "r").is_none(), "{none}");
        }
    }

    #[test]
    fn days_are_told_apart() {
        let place = Place::new("http://h/", "r").unwrap();
        let signer = Signer::new(&credentials(None), &place, MOMENT).unwrap();
        assert!(signer.is_for(MOMENT));
        assert!(signer.is_for(Timestamp(MOMENT.0 + 86_399_999)));
        assert!(!signer.is_for(Timestamp(MOMENT.0 + 86_400_000)));
        assert!(!signer.is_for(Timestamp(MOMENT.0 - 1)));
    }
}
