//! What the system's errors mean to the port, and where calls that wait for the disk are made.

use std::io;

use registry_core::ports::BlobStoreError;
use rustix::io::Errno;

/// Names an error of the system.
pub(super) fn fault(error: impl Into<io::Error>) -> BlobStoreError {
    let error = error.into();
    match Errno::from_io_error(&error) {
        Some(Errno::NOSPC | Errno::DQUOT) => BlobStoreError::Full(error),
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => BlobStoreError::Denied(error),
        _ => BlobStoreError::Failed(error),
    }
}

/// Names an error met while resolving `path`. These are what symlinks, FIFOs without a reader,
/// sockets and directories answer when a file of ours is expected, and the reverse.
pub(super) fn path_fault(path: &str, error: impl Into<io::Error>) -> BlobStoreError {
    let error = error.into();
    match Errno::from_io_error(&error) {
        Some(Errno::LOOP | Errno::NXIO | Errno::ISDIR | Errno::NOTDIR | Errno::XDEV) => {
            BlobStoreError::Foreign(path.to_owned())
        }
        _ => fault(error),
    }
}

/// Runs work that may wait for the disk where it holds nobody up. It runs to its end even if
/// nobody waits for it any more.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobStoreError> + Send + 'static,
) -> Result<T, BlobStoreError> {
    match registry_core::blocking(work).await {
        Ok(result) => result,
        Err(panic_or_shutdown) => Err(BlobStoreError::Failed(io::Error::other(panic_or_shutdown))),
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    #[test]
    fn errors_of_the_system_have_their_names() {
        use BlobStoreError::{Denied, Failed, Foreign, Full};
        for full in [Errno::NOSPC, Errno::DQUOT] {
            assert!(matches!(fault(full), Full(_)), "{full:?}");
        }
        for denied in [Errno::ACCESS, Errno::PERM, Errno::ROFS] {
            assert!(
                matches!(path_fault("path", denied), Denied(_)),
                "{denied:?}"
            );
        }
        for failed in [Errno::IO, Errno::NOENT, Errno::MFILE] {
            assert!(
                matches!(path_fault("path", failed), Failed(_)),
                "{failed:?}"
            );
        }
        for foreign in [
            Errno::LOOP,
            Errno::NXIO,
            Errno::ISDIR,
            Errno::NOTDIR,
            Errno::XDEV,
        ] {
            assert!(
                matches!(path_fault("path", foreign), Foreign(_)),
                "{foreign:?}"
            );
            assert!(matches!(fault(foreign), Failed(_)), "{foreign:?}");
        }
    }

    #[tokio::test]
    async fn a_panic_on_the_blocking_pool_is_a_fault() {
        let mut task = JoinSet::new();
        task.spawn(blocking::<()>(|| panic!("on purpose")));
        let panicked = task.join_next().await.unwrap().unwrap();
        assert!(
            matches!(panicked, Err(BlobStoreError::Failed(_))),
            "{panicked:?}"
        );
    }
}
