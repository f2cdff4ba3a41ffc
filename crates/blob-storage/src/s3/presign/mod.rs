//! URLs by which whoever has one gets an object from S3, made here without a request.
//!
//! A URL is signed for a moment that is rounded down to five minutes, so that the same object has the
//! same URL meanwhile and caches know it again, and is valid for that much longer. It never outlives
//! the credentials it is signed with: those that end are renewed in time, and if that is not
//! possible the URL ends with them. Nobody but the one who asks waits for others while they are good.
//!
//! Signature version 4, in the query: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>.
//! The SDK makes the same URLs in ten times the time.

mod signer;

use std::error::Error;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::config::{Credentials, ProvideCredentials, SharedCredentialsProvider};
use registry_core::ports::{BlobStoreError, Clock, Timestamp};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::client::Connected;
use super::error::failed;
use signer::{Place, Signer};

/// For how long the same object has the same URL.
const WINDOW: Duration = Duration::from_mins(5);
/// Credentials that end sooner than this are renewed.
const ENDING: Duration = Duration::from_mins(20);
/// How often that is tried at most.
const RENEWAL: Duration = Duration::from_mins(1);
/// How long an answer may take.
const SILENCE: Duration = Duration::from_secs(5);
/// S3 takes no longer.
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// Makes URLs.
pub(super) struct Presigner {
    place: Place,
    lifetime: Duration,
    clock: Arc<dyn Clock>,
    credentials: SharedCredentialsProvider,
    signer: RwLock<Option<Arc<Current>>>,
    renewing: Mutex<()>,
}

/// Credentials, and what was made of them for one day.
struct Current {
    signer: Signer,
    credentials: Credentials,
    ends: Option<Timestamp>,
    fetched: Timestamp,
}

impl fmt::Debug for Presigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Presigner({:?})", self.place)
    }
}

impl Presigner {
    /// Nothing, if the URL of objects is none.
    pub(super) fn new(
        connected: &Connected,
        lifetime: Duration,
        clock: Arc<dyn Clock>,
    ) -> Option<Self> {
        Some(Self {
            place: Place::new(&connected.base, &connected.region)?,
            lifetime: lifetime.saturating_add(WINDOW).min(LONGEST),
            clock,
            credentials: connected.credentials.clone(),
            signer: RwLock::default(),
            renewing: Mutex::default(),
        })
    }

    /// The host that URLs lead to, without its port.
    pub(super) fn host(&self) -> &str {
        self.place.host()
    }

    /// A URL of the object with this name.
    pub(super) async fn url(&self, name: &str) -> Result<String, BlobStoreError> {
        let now = self.clock.now();
        let moment = rounded(now);
        let current = self.current(now, moment).await?;
        let left = current.ends.map(|ends| between(moment, ends));
        let lifetime = left.map_or(self.lifetime, |left| left.min(self.lifetime));
        if !current.lives(now) {
            return Err(failed(
                "the credentials have run out, and there are no others",
            ));
        }
        let signed = current.signer.url(&self.place, name, moment, lifetime);
        signed.ok_or_else(|| failed("this moment has no date"))
    }

    async fn current(
        &self,
        now: Timestamp,
        moment: Timestamp,
    ) -> Result<Arc<Current>, BlobStoreError> {
        let usable = |current: &Arc<Current>| current.signer.is_for(moment) && !current.is_due(now);
        let known = self.known();
        if let Some(current) = known.clone().filter(usable) {
            return Ok(current);
        }
        let _turn = match (self.renewing.try_lock(), known) {
            (Ok(turn), _) => turn,
            // Somebody is asking for others, and these are still good.
            (Err(_), Some(known)) if known.lives(now) => return self.again(known, moment),
            (Err(_), _) => self.renewing.lock().await,
        };
        let known = self.known();
        if let Some(current) = known.clone().filter(usable) {
            return Ok(current);
        }
        let current = match known {
            Some(known) if !known.is_due(now) => self.again(known, moment)?,
            known => self.renewed(known.as_deref(), moment).await?,
        };
        let mut signer = self.signer.write().unwrap_or_else(PoisonError::into_inner);
        *signer = Some(Arc::clone(&current));
        Ok(current)
    }

    /// Known credentials, for this day.
    fn again(
        &self,
        known: Arc<Current>,
        moment: Timestamp,
    ) -> Result<Arc<Current>, BlobStoreError> {
        if known.signer.is_for(moment) {
            return Ok(known);
        }
        self.signing(known.credentials.clone(), known.fetched, moment)
    }

    async fn renewed(
        &self,
        known: Option<&Current>,
        moment: Timestamp,
    ) -> Result<Arc<Current>, BlobStoreError> {
        let credentials = self.fetch(known).await?;
        // It may have taken a while.
        self.signing(credentials, self.clock.now(), moment)
    }

    fn signing(
        &self,
        credentials: Credentials,
        fetched: Timestamp,
        moment: Timestamp,
    ) -> Result<Arc<Current>, BlobStoreError> {
        let current = Current::new(credentials, fetched, &self.place, moment);
        let current = current.ok_or_else(|| failed("this moment has no date"))?;
        Ok(Arc::new(current))
    }

    fn known(&self) -> Option<Arc<Current>> {
        let signer = self.signer.read().unwrap_or_else(PoisonError::into_inner);
        signer.clone()
    }

    /// New credentials, or those that are known while there are no others.
    async fn fetch(&self, known: Option<&Current>) -> Result<Credentials, BlobStoreError> {
        let provided = timeout(SILENCE, self.credentials.provide_credentials()).await;
        let error: Box<dyn Error + Send + Sync> = match provided {
            Ok(Ok(credentials)) => return Ok(credentials),
            Ok(Err(error)) => error.into(),
            Err(silence) => silence.into(),
        };
        let Some(known) = known else {
            return Err(failed(error));
        };
        tracing::warn!(error, "renew credentials for presigned URLs");
        Ok(known.credentials.clone())
    }
}

impl Current {
    fn new(
        credentials: Credentials,
        fetched: Timestamp,
        place: &Place,
        moment: Timestamp,
    ) -> Option<Self> {
        Some(Self {
            signer: Signer::new(&credentials, place, moment)?,
            ends: credentials.expiry().map(timestamp),
            credentials,
            fetched,
        })
    }

    /// Whether they can be used.
    fn lives(&self, now: Timestamp) -> bool {
        self.ends.is_none_or(|ends| ends > now)
    }

    /// Whether it is time to ask for other credentials.
    fn is_due(&self, now: Timestamp) -> bool {
        let ending = self.ends.is_some_and(|ends| now.plus(ENDING) > ends);
        ending && now >= self.fetched.plus(RENEWAL)
    }
}

fn rounded(now: Timestamp) -> Timestamp {
    let window = i64::try_from(WINDOW.as_millis()).unwrap_or(i64::MAX);
    Timestamp(now.0 - now.0.rem_euclid(window))
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0))
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(0).plus(since)
}

#[cfg(test)]
mod tests;
