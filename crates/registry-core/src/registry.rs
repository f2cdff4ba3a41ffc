//! The registry: its parts, and nothing else. Each use case stands in the file of
//! its noun.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use crate::access::{AnonymousAccess, Caller};
use crate::attended::Attended;
use crate::buffers::{Buffers, DEFAULT_BUFFERS, Room};
use crate::error::RegistryError;
use crate::ports::{BlobStore, Metadata, MissingReferences};
use crate::redirects::Redirects;

/// What an operator decides about the use cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// What callers without credentials may do.
    pub anonymous: AnonymousAccess,
    /// Whether a manifest may name blobs that are not there.
    pub missing_references: MissingReferences,
    /// Largest manifest, in bytes.
    pub max_manifest_bytes: u64,
    /// Largest blob, in bytes; `None` is no limit.
    pub max_blob_bytes: Option<u64>,
}

/// A registry over a metadata engine and a blob store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry {
    pub(crate) metadata: Arc<dyn Metadata>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) settings: Settings,
    pub(crate) redirects: Option<Redirects>,
    tasks: TaskTracker,
    sessions: TaskTracker,
    buffers: Buffers,
}

impl Registry {
    /// Puts a registry together.
    pub fn new(metadata: Arc<dyn Metadata>, blobs: Arc<dyn BlobStore>, settings: Settings) -> Self {
        Self {
            metadata,
            blobs,
            settings,
            redirects: None,
            tasks: TaskTracker::new(),
            sessions: TaskTracker::new(),
            buffers: Buffers::new(DEFAULT_BUFFERS),
        }
    }

    /// The same with another budget for request bodies in memory, in bytes.
    #[must_use]
    pub fn with_buffers(self, bytes: u64) -> Self {
        Self {
            buffers: Buffers::new(bytes),
            ..self
        }
    }

    /// The same, but sending clients to the blob store for what `redirects` allows.
    #[must_use]
    pub fn with_redirects(self, redirects: Redirects) -> Self {
        Self {
            redirects: Some(redirects),
            ..self
        }
    }

    /// Room for a request body of this many bytes, which is held in memory until it is dropped.
    pub async fn reserve(&self, bytes: u64) -> Result<Room, RegistryError> {
        self.buffers.reserve(bytes).await
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A caller that sent no credentials.
    pub fn anonymous(&self, request_id: Arc<str>, origin: Option<IpAddr>) -> Caller {
        Caller::anonymous(self.settings.anonymous, request_id, origin)
    }

    /// Waits for writes that outlived their clients. To be called once no request comes any more.
    pub async fn close(&self) {
        self.close_content().await;
        self.sessions.close();
        self.sessions.wait().await;
    }

    /// The same without what only appends to upload sessions.
    pub async fn close_content(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Runs a write to its end, also if the client goes away meanwhile: what it sent so far is
    /// recorded and its lease is given up at once, not after a time-out.
    pub(crate) fn to_completion<F>(&self, work: F) -> Attended<F>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        Attended::new(&self.tasks, work)
    }

    /// Tasks that end with the registry, and change nothing but upload sessions.
    pub(crate) fn sessions(&self) -> &TaskTracker {
        &self.sessions
    }
}
