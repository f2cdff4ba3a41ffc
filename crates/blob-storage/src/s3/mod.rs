//! The blob store on S3, and on servers that speak its protocol.
//!
//! An upload session that fits into one part becomes one object, which is published by saying so. A
//! larger one is uploaded in parts, and published with one request that puts them together. No byte
//! is stored twice, none is copied, and nothing is looked up on the way: what has to be known from
//! one request to the next is in `state`, which the session's row remembers.
//!
//! `key` draws the bucket, `writer` says where bytes go and what a crash leaves, `client` is the only
//! one to speak to the SDK.

mod bucket;
mod budget;
mod client;
mod compact;
mod error;
mod hex;
mod key;
mod lead;
mod metrics;
mod open;
mod options;
mod parameter;
mod presign;
mod probe;
mod publish;
mod read;
mod removal;
mod sizes;
mod state;
mod uploads;
mod url;
mod writer;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use registry_core::ports::{
    BlobStore, BlobStoreError, BlobWriter, Leftovers, Location, Part, Published, StorageKey,
    Timestamp, Unfinished, UploadObject,
};

pub use open::{S3Action, S3Examination, S3OpenError, S3Step, S3StepError, examine};
pub use options::{S3Credentials, S3Options};
pub use parameter::{Checksums, Encryption, Size};
pub use url::{S3Url, S3UrlError};

use bucket::Bucket;
use presign::Presigner;
use probe::Probe;
use state::State;
use writer::S3Writer;

/// A bucket of blobs.
#[derive(Debug)]
pub struct S3BlobStore {
    bucket: Arc<Bucket>,
    probe: Probe,
    presigner: Option<Presigner>,
}

impl S3BlobStore {
    /// Opens the store in a bucket that is there, and registers the metrics of its requests.
    pub async fn open(
        url: &S3Url,
        options: &S3Options,
        metrics: &prometheus::Registry,
    ) -> Result<Self, S3OpenError> {
        open::open(url, options, metrics).await
    }
}

#[async_trait]
impl BlobStore for S3BlobStore {
    async fn append(
        &self,
        object: &UploadObject,
        length: Option<u64>,
    ) -> Result<Box<dyn BlobWriter>, BlobStoreError> {
        Ok(Box::new(S3Writer::open(&self.bucket, object, length)?))
    }

    async fn publish(
        &self,
        object: &UploadObject,
        parts: Vec<Part>,
    ) -> Result<Published, BlobStoreError> {
        publish::publish(&self.bucket, object, parts).await
    }

    async fn put(
        &self,
        object: &UploadObject,
        bytes: Vec<Bytes>,
        sha256: Option<[u8; 32]>,
    ) -> Result<Published, BlobStoreError> {
        let left = State::read(object)?.taken_over(object.key.fence);
        let name = self.bucket.keys.object(object.key);
        self.bucket.client.put(&name, bytes, sha256).await?;
        Ok(Published {
            key: object.key,
            leftovers: left.superseded || left.upload.is_some() || !left.pieces.is_empty(),
        })
    }

    async fn open(
        &self,
        key: StorageKey,
        size: u64,
        range: Range<u64>,
    ) -> Result<Location, BlobStoreError> {
        read::open(&self.bucket, key, size, range).await
    }

    fn redirect_host(&self) -> Option<&str> {
        self.presigner.as_ref().map(Presigner::host)
    }

    async fn redirect(&self, key: StorageKey) -> Result<Option<String>, BlobStoreError> {
        match &self.presigner {
            Some(presigner) => presigner.url(&self.bucket.keys.object(key)).await.map(Some),
            None => Ok(None),
        }
    }

    async fn delete(&self, leftovers: &[Leftovers]) -> Result<Vec<Leftovers>, BlobStoreError> {
        removal::delete(&self.bucket, leftovers).await
    }

    async fn unfinished(&self, before: Timestamp) -> Result<Vec<Unfinished>, BlobStoreError> {
        removal::unfinished(&self.bucket, before).await
    }

    async fn take_back(&self, unfinished: &[Unfinished]) -> Result<(), BlobStoreError> {
        removal::take_back(&self.bucket, unfinished).await
    }

    async fn probe(&self) -> Result<(), BlobStoreError> {
        self.probe.run(&self.bucket).await
    }
}
