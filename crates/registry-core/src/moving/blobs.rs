//! Blobs: their bytes are copied once, whoever shows them; other repositories get them by a mount.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use oci_types::{Digest, RepositoryName};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::comparison::{Comparison, Difference};
use super::lists::Blobs;
use super::repository::ROUND;
use super::tally::count;
use super::{MoveError, Mover, source, target};
use crate::change::Guard;
use crate::error::{BodyError, RegistryError};
use crate::ports::{BlobStoreError, ByteStream, HeldBlob, Location, Lookup, Mount};
use crate::uploads::{BodyStream, OpenUpload, UploadBody};

/// How often a blob is read before its bytes count as wrong: they may have been changed on their way.
const READINGS: usize = 2;

/// Between attempts to copy a blob, where one side fails.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// What stopped the bytes of the source.
type Broken = Arc<Mutex<Option<io::Error>>>;

/// What there is to do about a blob.
enum Step {
    /// The target lacks it.
    Provide(HeldBlob),
    /// Another process copied it.
    Look(HeldBlob),
}

/// What became of one attempt to copy.
enum Copied {
    Whole,
    /// It is not there any more, and need not be.
    Gone,
    /// It is there, and is not what it should be.
    Damaged(String),
}

impl Mover {
    /// Copies what the target lacks; returns what it has too much.
    pub(super) async fn copy_blobs(&self, name: &RepositoryName) -> Result<Vec<Digest>, MoveError> {
        let list = Blobs(name);
        let mut blobs = Comparison::new(&list, &*self.source.metadata, &*self.target.metadata);
        let (mut extra, mut crew) = (Vec::new(), JoinSet::new());
        while let Some(difference) = blobs.next().await? {
            self.go_on()?;
            let step = match difference {
                Difference::Missing(blob) if !self.damages.knows(name, &blob) => {
                    Step::Provide(blob)
                }
                Difference::Extra(blob) if extra.len() < ROUND => {
                    extra.push(blob.digest);
                    continue;
                }
                Difference::Both { source, target } if source.size != target.size => {
                    let reason = format!("it has {} bytes, not {}", target.size, source.size);
                    self.damages.add(name, source.digest, reason);
                    continue;
                }
                Difference::Both { target, .. } if self.looks() => Step::Look(target),
                Difference::Missing(_) | Difference::Extra(_) | Difference::Both { .. } => continue,
            };
            while let Some(done) = crew.try_join_next() {
                done??;
            }
            let Ok(turn) = Arc::clone(&self.uploads).acquire_owned().await else {
                return Err(MoveError::Stopped);
            };
            let (mover, name) = (self.clone(), name.clone());
            crew.spawn(async move {
                let done = match &step {
                    Step::Provide(blob) => mover.provide(&name, blob).await,
                    Step::Look(blob) => mover.look(&name, blob).await,
                };
                drop(turn);
                done
            });
        }
        while let Some(done) = crew.join_next().await {
            done??;
        }
        Ok(extra)
    }

    /// Makes sure that what the target's database has is in its storage, too: it may be another one than then, or not be
    /// mounted.
    async fn look(&self, name: &RepositoryName, blob: &HeldBlob) -> Result<(), MoveError> {
        let blobs = &self.target.blobs;
        match blobs
            .open(blob.storage_key, blob.size, 0..blob.size.min(1))
            .await
        {
            Ok(_) => Ok(()),
            Err(BlobStoreError::Lost(_) | BlobStoreError::Foreign(_)) => Err(MoveError::Hollow {
                repository: name.clone(),
                digest: blob.digest,
            }),
            Err(error) => Err(target(error)),
        }
    }

    /// Tries again on its own what may pass, so that what else is under way is not lost with it.
    async fn provide(&self, name: &RepositoryName, blob: &HeldBlob) -> Result<(), MoveError> {
        for pause in PAUSES {
            match self.provide_blob(name, blob).await {
                Err(MoveError::Source(_) | MoveError::Target(_)) => {}
                provided => return provided,
            }
            let rested = self.stop.run_until_cancelled(sleep(pause)).await;
            rested.ok_or(MoveError::Stopped)?;
        }
        let provided = self.provide_blob(name, blob).await;
        provided.map_err(|error| match error {
            MoveError::Source(_) | MoveError::Target(_) => MoveError::Blob {
                repository: name.clone(),
                digest: blob.digest,
                cause: Box::new(error),
            },
            error => error,
        })
    }

    async fn provide_blob(&self, name: &RepositoryName, blob: &HeldBlob) -> Result<(), MoveError> {
        let turn = self.turns.of(blob.digest);
        let _turn = turn.lock().await;
        if self.mount(name, &blob.digest).await? {
            count(&self.tally.mounted, 1);
            return Ok(());
        }
        let mut reading = 1;
        loop {
            match self.copy(name, blob).await? {
                Copied::Whole => {
                    count(&self.tally.blobs, 1);
                    return Ok(());
                }
                Copied::Gone => return Ok(()),
                Copied::Damaged(_) if reading < READINGS => reading += 1,
                Copied::Damaged(reason) => {
                    self.damages.add_blob(name, blob, reason);
                    return Ok(());
                }
            }
        }
    }

    /// Takes it over from another repository of the target.
    async fn mount(&self, name: &RepositoryName, digest: &Digest) -> Result<bool, MoveError> {
        let metadata = &self.target.metadata;
        let Some(holder) = metadata.blob_holder(digest).await.map_err(target)? else {
            return Ok(false);
        };
        let access = self.caller.push_access(name).map_err(target)?;
        let mounted = metadata
            .mount_blob(access.change(), Guard::open(), Some(&holder), name, digest)
            .await
            .map_err(target)?;
        Ok(mounted == Mount::Mounted)
    }

    /// Pushes its bytes as any client does, hashed on their way.
    async fn copy(&self, name: &RepositoryName, blob: &HeldBlob) -> Result<Copied, MoveError> {
        let (bytes, is_file) = match self.open(blob).await {
            Ok(bytes) => bytes,
            Err(BlobStoreError::Lost(_)) => return self.lost(name, blob).await,
            Err(BlobStoreError::Foreign(what)) => {
                return Ok(Copied::Damaged(format!("{what} is not what was put there")));
            }
            Err(error) => return Err(source(error)),
        };
        let broken = Broken::default();
        let body = UploadBody {
            stream: self.body(bytes, Arc::clone(&broken)),
            length: Some(blob.size),
        };
        let access = self.caller.push_access(name).map_err(target)?;
        let request = OpenUpload::Whole(blob.digest, body);
        let Err(error) = self.target.open_upload(&access, request).await else {
            return Ok(Copied::Whole);
        };
        self.go_on()?;
        let broken = broken.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (broken, error) {
            (Some(cause), _) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                Ok(Copied::Damaged("its bytes end too early".to_owned()))
            }
            // A disk that cannot read it now will not later; a network may.
            (Some(cause), _) if is_file => Ok(Copied::Damaged(format!(
                "its bytes cannot be read ({cause})"
            ))),
            (Some(cause), _) => Err(source(BlobStoreError::Failed(cause))),
            (None, RegistryError::DigestMismatch { actual, .. }) => Ok(Copied::Damaged(format!(
                "its bytes have the digest {actual}"
            ))),
            (None, error) => Err(target(error)),
        }
    }

    /// Its bytes, and whether a file of this machine has them.
    async fn open(&self, blob: &HeldBlob) -> Result<(ByteStream, bool), BlobStoreError> {
        let blobs = &self.source.blobs;
        let opened = blobs
            .open(blob.storage_key, blob.size, 0..blob.size)
            .await?;
        Ok(match opened {
            Location::File(file) => (file.into_stream(), true),
            Location::Stream(stream) => (stream, false),
        })
    }

    /// The bytes as a request's body, which breaks off when the move is stopped.
    fn body(&self, bytes: ByteStream, broken: Broken) -> BodyStream {
        let (stop, tally) = (self.stop.clone(), Arc::clone(&self.tally));
        let body = bytes.map(move |bytes: io::Result<Bytes>| {
            if stop.is_cancelled() {
                return Err(BodyError::ClientGone);
            }
            match bytes {
                Ok(bytes) => {
                    count(&tally.bytes, bytes.len() as u64);
                    Ok(bytes)
                }
                Err(error) => {
                    *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    Err(BodyError::ClientGone)
                }
            }
        });
        Box::pin(body)
    }

    /// The object is not there: that is damage unless the blob went meanwhile.
    async fn lost(&self, name: &RepositoryName, blob: &HeldBlob) -> Result<Copied, MoveError> {
        let found = self.source.metadata.find_blob(name, &blob.digest).await;
        Ok(match found.map_err(source)? {
            Lookup::Found(_) => Copied::Damaged("its bytes are gone or too few".to_owned()),
            Lookup::Absent | Lookup::NoRepository => Copied::Gone,
        })
    }
}
