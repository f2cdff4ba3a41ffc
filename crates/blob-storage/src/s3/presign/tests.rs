use std::sync::atomic::{AtomicU32, Ordering};

use aws_credential_types::provider::future;
use aws_sdk_s3::config::Region;
use aws_sdk_s3::presigning::PresigningConfig;
use futures_util::FutureExt;
use registry_core::testing::TestClock;

use super::*;

const LIFETIME: Duration = Duration::from_mins(10);

fn connected(credentials: SharedCredentialsProvider) -> Connected {
    Connected {
        endpoint: None,
        region: "eu-west-1".to_owned(),
        credentials,
        base: "https://bucket.s3.eu-west-1.amazonaws.com/".to_owned(),
    }
}

fn fixed(token: Option<&str>, ends: Option<Timestamp>) -> Credentials {
    let ends = ends.map(|ends| UNIX_EPOCH + between(Timestamp(0), ends));
    let token = token.map(str::to_owned);
    Credentials::new("AKID", "secret", token, ends, "test")
}

fn presigner(credentials: impl ProvideCredentials + 'static) -> (Presigner, Arc<TestClock>) {
    let clock = Arc::new(TestClock::new());
    let connected = connected(SharedCredentialsProvider::new(credentials));
    let presigner = Presigner::new(&connected, LIFETIME, Arc::clone(&clock) as _);
    (presigner.unwrap(), clock)
}

fn parameter<'a>(url: &'a str, name: &str) -> &'a str {
    let (_, rest) = url.split_once(&format!("{name}=")).unwrap();
    rest.split('&').next().unwrap()
}

/// The URL has what the SDK would write, and its signature.
#[tokio::test]
async fn the_sdk_signs_alike() {
    for token in [None, Some("a token/with+signs=")] {
        let credentials = fixed(token, None);
        let (presigner, clock) = presigner(credentials.clone());
        let ours = presigner.url("p/b/ab/name.1").await.unwrap();

        let config = aws_sdk_s3::Config::builder()
            .behavior_version_latest()
            .region(Region::new("eu-west-1"))
            .credentials_provider(credentials)
            .build();
        let moment = UNIX_EPOCH + between(Timestamp(0), rounded(clock.now()));
        let signing = PresigningConfig::builder()
            .start_time(moment)
            .expires_in(LIFETIME + WINDOW);
        let request = aws_sdk_s3::Client::from_conf(config).get_object();
        let request = request.bucket("bucket").key("p/b/ab/name.1").customize();
        // It adds the name of the operation, which nobody needs.
        let request = request.mutate_request(|request| {
            let uri = request.uri().replace("?x-id=GetObject", "");
            request.set_uri(uri).unwrap();
        });
        let theirs = request.presigned(signing.build().unwrap()).await.unwrap();
        let sorted = |url: &str| {
            let (place, query) = url.split_once('?').unwrap();
            let mut query: Vec<_> = query.split('&').map(str::to_owned).collect();
            query.sort_unstable();
            (place.to_owned(), query)
        };
        assert_eq!(sorted(&ours), sorted(theirs.uri()));
    }
}

#[tokio::test]
async fn a_url_never_outlives_the_credentials() {
    let begin = TestClock::new().now();
    let ends = begin.plus(Duration::from_mins(6));
    let (presigner, clock) = presigner(fixed(Some("t"), Some(ends)));
    let url = presigner.url("k").await.unwrap();
    let seconds: u64 = parameter(&url, "X-Amz-Expires").parse().unwrap();
    assert_eq!(seconds, between(rounded(begin), ends).as_secs());
    clock.advance(Duration::from_mins(7));
    let error = presigner.url("k").await.unwrap_err();
    assert!(matches!(error, BlobStoreError::Failed(_)), "{error:?}");
}

/// Credentials for an hour, with the number of the request as their name.
#[derive(Debug)]
struct Hourly {
    clock: Arc<TestClock>,
    requests: Arc<AtomicU32>,
}

impl ProvideCredentials for Hourly {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        let ends = self.clock.now().plus(Duration::from_hours(1));
        let ends = UNIX_EPOCH + between(Timestamp(0), ends);
        let credentials = Credentials::new(number.to_string(), "s", None, Some(ends), "test");
        future::ProvideCredentials::ready(Ok(credentials))
    }
}

#[tokio::test]
async fn credentials_are_asked_for_before_they_end_and_not_each_time() {
    let (clock, requests) = (Arc::new(TestClock::new()), Arc::<AtomicU32>::default());
    let hourly = Hourly {
        clock: Arc::clone(&clock),
        requests: Arc::clone(&requests),
    };
    let connected = connected(SharedCredentialsProvider::new(hourly));
    let presigner = Presigner::new(&connected, LIFETIME, Arc::clone(&clock) as _).unwrap();
    for minute in 0..180 {
        let url = presigner.url("k").await.unwrap();
        let seconds: u64 = parameter(&url, "X-Amz-Expires").parse().unwrap();
        assert_eq!(seconds, 900, "minute {minute}");
        clock.advance(Duration::from_mins(1));
    }
    let requests = requests.load(Ordering::SeqCst);
    assert!((4..=6).contains(&requests), "{requests}");
}

/// Credentials for an hour, and nothing but silence after the first.
#[derive(Debug)]
struct Silent(Hourly);

impl ProvideCredentials for Silent {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        match self.0.requests.load(Ordering::SeqCst) {
            0 => self.0.provide_credentials(),
            _ => future::ProvideCredentials::new(std::future::pending()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_others_while_they_are_good() {
    let clock = Arc::new(TestClock::new());
    let silent = Silent(Hourly {
        clock: Arc::clone(&clock),
        requests: Arc::default(),
    });
    let connected = connected(SharedCredentialsProvider::new(silent));
    let presigner = Presigner::new(&connected, LIFETIME, Arc::clone(&clock) as _).unwrap();
    presigner.url("k").await.unwrap();
    clock.advance(Duration::from_mins(45));
    let begun = tokio::time::Instant::now();
    let mut asking = Box::pin(presigner.url("k"));
    assert!(asking.as_mut().now_or_never().is_none());
    presigner.url("k").now_or_never().unwrap().unwrap();
    asking.await.unwrap();
    assert_eq!(begun.elapsed(), SILENCE);
    // Not before a minute has passed.
    presigner.url("k").now_or_never().unwrap().unwrap();
    clock.advance(RENEWAL);
    assert!(presigner.url("k").now_or_never().is_none());
}

#[tokio::test]
async fn keys_are_derived_for_each_day() {
    let (presigner, clock) = presigner(fixed(None, None));
    let mut days = Vec::new();
    for _ in 0..5 {
        let url = presigner.url("k").await.unwrap();
        let credential = parameter(&url, "X-Amz-Credential").to_owned();
        let date = parameter(&url, "X-Amz-Date")[..8].to_owned();
        assert!(credential.contains(&date), "{url}");
        days.push(date);
        clock.advance(Duration::from_hours(24));
    }
    days.dedup();
    assert_eq!(days.len(), 5);
}

#[tokio::test]
async fn nothing_secret_shows() {
    let (presigner, _) = presigner(fixed(Some("token"), None));
    presigner.url("k").await.unwrap();
    let text = format!("{presigner:?}");
    assert!(
        !text.contains("secret") && !text.contains("token"),
        "{text}"
    );
}
