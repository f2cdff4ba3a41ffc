//! Copying one registry into another, pass by pass, until both hold the same.
//!
//! A pass walks through the lists of both side by side, repository by repository, and evens out whatever differs: blobs
//! first, then manifests in the order of their push, then tags; then it takes away what the source has no more. It keeps
//! no books: what a pass was to do is seen from what is there, so that it can be cut off anywhere and begun anew, by
//! another process, too. A pass that changes nothing, while nobody writes, is the proof that both are equal.
//!
//! Nothing counts as copied that was not hashed on its way: blobs are pushed into the target as any client pushes them,
//! and the payloads of manifests are hashed here. What another process copied is looked for in the storage of the target
//! once. Memory is that of some pages and bodies, whatever the registries hold.
//!
//! Not copied are upload sessions, and when a blob that no manifest names may go: it gets a new lease.
//!
//! When to pass, and who may write meanwhile, is for the caller to decide.

mod blobs;
mod comparison;
mod damage;
mod lists;
mod manifests;
mod removal;
mod repository;
mod tags;
mod tally;
mod turns;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use oci_types::{Digest, RepositoryName};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use self::comparison::Comparison;
pub use self::damage::Damage;
use self::damage::Damages;
use self::lists::Repositories;
pub use self::tally::Counts;
use self::tally::Tally;
use self::turns::Turns;
use crate::access::Caller;
use crate::error::RegistryError;
use crate::ports::MetadataError;
use crate::registry::Registry;

/// Why a pass came to no end.
#[derive(Debug, Error)]
pub enum MoveError {
    /// It was told to stop.
    #[error("stopped")]
    Stopped,
    /// The registry that is read failed.
    #[error("read the source")]
    Source(#[source] Box<RegistryError>),
    /// The registry that is filled failed.
    #[error("write the target")]
    Target(#[source] Box<RegistryError>),
    /// One of them failed again and again with this blob.
    #[error("copy the blob {digest} of {repository}")]
    Blob {
        /// Where it is shown.
        repository: RepositoryName,
        /// Which one.
        digest: Digest,
        /// What failed.
        #[source]
        cause: Box<MoveError>,
    },
    /// The database of the registry that is filled has a blob, and its storage has not.
    #[error(
        "the target has no bytes of the blob {digest} of {repository}, although they were copied: bring its storage back, \
         or empty it and its database, too, and begin anew"
    )]
    Hollow {
        /// Where it is shown.
        repository: RepositoryName,
        /// Which one.
        digest: Digest,
    },
    /// A task of ours died.
    #[error("a task of the move failed")]
    Task(#[from] JoinError),
}

/// A fault of the source.
fn source(error: impl Into<RegistryError>) -> MoveError {
    MoveError::Source(Box::new(error.into()))
}

/// A fault of the target.
fn target(error: impl Into<RegistryError>) -> MoveError {
    MoveError::Target(Box::new(error.into()))
}

fn lists(side: comparison::Side, error: MetadataError) -> MoveError {
    match side {
        comparison::Side::Source => source(error),
        comparison::Side::Target => target(error),
    }
}

/// Copies from one registry into another. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mover {
    source: Registry,
    target: Registry,
    caller: Caller,
    parallel: usize,
    uploads: Arc<Semaphore>,
    turns: Arc<Turns>,
    tally: Arc<Tally>,
    damages: Arc<Damages>,
    /// What was there before is in the storage of the target, too.
    looked: Arc<AtomicBool>,
    stop: CancellationToken,
}

impl Mover {
    /// `parallel` is how many blobs, and how many repositories, are worked on at once. The target must accept
    /// manifests of any size, and such as name blobs that are not there.
    pub fn new(
        source: Registry,
        target: Registry,
        parallel: usize,
        stop: CancellationToken,
    ) -> Self {
        Self {
            source,
            target,
            caller: Caller::system("move"),
            parallel: parallel.max(1),
            turns: Arc::default(),
            uploads: Arc::new(Semaphore::new(parallel.max(1))),
            tally: Arc::default(),
            damages: Arc::default(),
            looked: Arc::default(),
            stop,
        }
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        self.tally.counts()
    }

    /// What the last pass could not copy, because the source does not hold what it should.
    pub fn damages(&self) -> Vec<Damage> {
        self.damages.all()
    }

    /// Evens out what differs, and returns what there was to do.
    pub async fn pass(&self) -> Result<Counts, MoveError> {
        // What a pass before left under way must not come after this one has looked.
        self.target.close().await;
        self.damages.forget();
        let before = self.counts();
        let mut names = Comparison::new(
            &Repositories,
            &*self.source.metadata,
            &*self.target.metadata,
        );
        let mut crew = JoinSet::new();
        while let Some(difference) = names.next().await? {
            self.go_on()?;
            if crew.len() >= self.parallel
                && let Some(done) = crew.join_next().await
            {
                done??;
            }
            let (mover, name) = (self.clone(), difference.into_any());
            crew.spawn(async move { mover.even_out(&name).await });
        }
        while let Some(done) = crew.join_next().await {
            done??;
        }
        self.looked.store(true, Ordering::Relaxed);
        Ok(self.counts().since(&before))
    }

    /// Whether what is there already was copied by another process, and has to be looked at once.
    fn looks(&self) -> bool {
        !self.looked.load(Ordering::Relaxed)
    }

    /// Whether nobody told it to stop.
    fn go_on(&self) -> Result<(), MoveError> {
        if self.stop.is_cancelled() {
            Err(MoveError::Stopped)
        } else {
            Ok(())
        }
    }
}
