//! Examining a bucket: everything the registry does with one is done once, with objects that are removed again, and
//! each step says by itself what came of it. Nothing is opened, and whoever uses the bucket meanwhile does not notice.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prometheus::Registry;
use registry_core::ports::{Clock, StorageKey};
use thiserror::Error;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::super::client::{Connected, S3Client};
use super::super::error::{Fault, S3Error};
use super::super::key::Keys;
use super::super::options::S3Options;
use super::super::presign::Presigner;
use super::super::url::S3Url;
use super::{S3OpenError, explain, unconnected};

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(5);
const CONTENT: &[u8] =
    b"Berth wrote this object to see whether its bucket can be used, and removes it.\n";
/// The range that is read: neither the beginning nor the end.
const RANGE: std::ops::Range<usize> = 6..11;
/// What rustls says of a handshake that went wrong begins with one of these.
const HANDSHAKES: [&str; 5] = [
    "invalid peer certificate",
    "received corrupt message",
    "received fatal alert",
    "peer is incompatible",
    "peer misbehaved",
];

/// What a bucket and the way to it are like.
#[derive(Debug)]
pub struct S3Examination {
    /// Its server.
    pub server: String,
    /// What the URL of each object begins with, for clients.
    pub public_url: String,
    /// How many milliseconds the clock of the server is ahead of this machine's, if it says what time it is.
    pub clock_ahead: Option<i64>,
    /// What was tried, in this order. What cannot go well after another step failed is left out.
    pub steps: Vec<S3Step>,
}

/// A step, and how long it took.
#[derive(Debug)]
pub struct S3Step {
    /// What was done.
    pub action: S3Action,
    /// What came of it.
    pub outcome: Result<Duration, S3StepError>,
}

/// What the registry does with a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum S3Action {
    /// Finds it.
    Find,
    /// Stores an object whole.
    Put,
    /// Reads it.
    Get,
    /// Reads a range of it.
    GetRange,
    /// Begins an upload in parts.
    CreateUpload,
    /// Stores a part.
    UploadPart,
    /// Puts the object together.
    CompleteUpload,
    /// Reads an object as a client does that was redirected to it.
    GetPresigned,
    /// Deletes objects.
    Delete,
}

/// Why a step failed, and what to do about it.
#[derive(Debug, Error)]
pub enum S3StepError {
    /// As it would when the bucket is opened.
    #[error(transparent)]
    Bucket(S3OpenError),
    /// The server shows a certificate that is not trusted here, or does not speak TLS.
    #[error(
        "the TLS handshake with {server} fails: let this machine trust the authority of its certificate (SSL_CERT_FILE \
         names a file with more of them), or correct the scheme, host and port of the endpoint"
    )]
    Handshake {
        /// The server.
        server: String,
        /// What was wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The URL that clients are given leads to nothing.
    #[error(
        "clients cannot fetch blobs from {server}: let it lead to the same bucket and pass host and query on unchanged \
         (`public_endpoint` in the storage URL says where clients go), or set storage.redirect to off"
    )]
    Presigned {
        /// Where clients are sent.
        server: String,
        /// What happened.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Tries everything that the registry does with a bucket.
pub async fn examine(url: &S3Url, options: &S3Options) -> Result<S3Examination, S3StepError> {
    let server = url.endpoint.clone().unwrap_or_else(|| "AWS".to_owned());
    let metrics = Registry::new();
    let connecting = timeout(PATIENCE, S3Client::connect(url, options, &metrics)).await;
    let connected = connecting
        .map_err(|silence| S3StepError::Bucket(S3OpenError::NoCredentials(silence.into())))?;
    let (client, connected) =
        connected.map_err(|error| S3StepError::Bucket(unconnected(url, &server, error)))?;
    let server = connected.endpoint.clone().unwrap_or(server);
    let clock = Arc::clone(&options.clock);
    let keys = Keys::new(&url.prefix);
    let mut examiner = Examiner {
        url,
        name: format!("{}.{}", keys.probe(), Uuid::new_v4()),
        name_in_parts: keys.object(StorageKey::of(Uuid::new_v4())),
        presigner: Presigner::new(&connected, options.url_lifetime, Arc::clone(&clock)),
        server: server.clone(),
        connected,
        client,
        steps: Vec::new(),
    };
    // Large, because it holds every step.
    let clock_ahead = Box::pin(examiner.run(clock)).await;
    Ok(S3Examination {
        server,
        public_url: examiner.connected.base,
        clock_ahead,
        steps: examiner.steps,
    })
}

struct Examiner<'a> {
    url: &'a S3Url,
    /// Of the object that is stored whole.
    name: String,
    /// Of the one in parts: one that the search for unfinished uploads finds.
    name_in_parts: String,
    presigner: Option<Presigner>,
    server: String,
    connected: Connected,
    client: S3Client,
    steps: Vec<S3Step>,
}

impl Examiner<'_> {
    async fn run(&mut self, clock: Arc<dyn Clock>) -> Option<i64> {
        let (client, mut ahead) = (self.client.clone(), None);
        let prefix = Keys::new(&self.url.prefix).objects();
        let found = self.step(S3Action::Find, async {
            let (looked, seen) = client.look(&prefix, clock).await;
            ahead = seen;
            looked
        });
        if found.await.is_none() {
            return ahead;
        }
        self.whole().await;
        self.in_parts().await;
        let names = [self.name.clone(), self.name_in_parts.clone()];
        self.step(S3Action::Delete, async {
            match client.delete(&names).await?.len() {
                0 => Ok(()),
                _ => Err(S3Error::strange("DeleteObjects", "it deletes nothing")),
            }
        })
        .await;
        ahead
    }

    async fn whole(&mut self) {
        let (client, name) = (self.client.clone(), self.name.clone());
        let content = vec![Bytes::from_static(CONTENT)];
        let put = self.step(S3Action::Put, client.put(&name, content, None));
        if put.await.is_none() {
            return;
        }
        self.step(S3Action::Get, async {
            let read = client.read(&name, None).await?.concat();
            expect("GetObject", &read, CONTENT)
        })
        .await;
        self.step(S3Action::GetRange, async {
            let range = RANGE.start as u64..RANGE.end as u64;
            let read = client.read(&name, Some(range)).await?.concat();
            expect("GetObject with a range", &read, &CONTENT[RANGE])
        })
        .await;
        let Some(presigner) = self.presigner.take() else {
            return;
        };
        self.step(S3Action::GetPresigned, async {
            let url = presigner.url(&name).await;
            let url = url.map_err(|error| S3Error::strange("sign a URL", &error.to_string()))?;
            let read = client.fetch(url).await?;
            expect("GET of a presigned URL", &read, CONTENT)
        })
        .await;
    }

    async fn in_parts(&mut self) {
        let client = self.client.clone();
        let create = client.create_upload(self.name_in_parts.clone());
        let Some(target) = self.step(S3Action::CreateUpload, create).await else {
            return;
        };
        let content = vec![Bytes::from_static(CONTENT)];
        let part = client.upload_part(&target, 1, content);
        let completed = match self.step(S3Action::UploadPart, part).await {
            Some(part) => {
                let complete = async { client.complete(&target, &[part]).await };
                self.step(S3Action::CompleteUpload, complete).await
            }
            None => None,
        };
        if completed.is_none() {
            // The step before has said what is wrong; what is left is found and taken back by the registry in a day.
            let _left = timeout(PATIENCE, client.abort(&target)).await;
        }
    }

    /// Does something, and notes what came of it.
    async fn step<T>(
        &mut self,
        action: S3Action,
        doing: impl Future<Output = Result<T, S3Error>> + Send,
    ) -> Option<T> {
        let begun = Instant::now();
        let done = timeout(PATIENCE, doing).await.unwrap_or_else(|_silence| {
            Err(S3Error {
                operation: "request",
                fault: Fault::TimedOut,
            })
        });
        let (done, outcome) = match done {
            Ok(done) => (Some(done), Ok(begun.elapsed())),
            Err(error) => (None, Err(self.blame(action, error))),
        };
        self.steps.push(S3Step { action, outcome });
        done
    }

    fn blame(&self, action: S3Action, error: S3Error) -> S3StepError {
        let presigned = action == S3Action::GetPresigned;
        let server = if presigned {
            self.connected.base.clone()
        } else {
            self.server.clone()
        };
        match &error.fault {
            Fault::Unreachable(cause) if is_handshake(cause) => S3StepError::Handshake {
                server,
                source: error.into(),
            },
            _ if presigned => S3StepError::Presigned {
                server,
                source: error.into(),
            },
            _ => S3StepError::Bucket(explain(self.url, server, &self.connected.region, error)),
        }
    }
}

fn expect(operation: &'static str, read: &[u8], content: &[u8]) -> Result<(), S3Error> {
    if read == content {
        Ok(())
    } else {
        Err(S3Error::strange(
            operation,
            "with other bytes than were stored",
        ))
    }
}

fn is_handshake(cause: &str) -> bool {
    HANDSHAKES.iter().any(|words| cause.contains(words))
}
