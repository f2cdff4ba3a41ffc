//! The limit on open files. Each connection and each blob that is read or written takes one, and the usual soft limit
//! of 1,024 is kept low for programs that use `select`, which we do not.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard limit, which needs no privilege.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    if let Err(error) = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    ) {
        tracing::warn!(%error, "raise the limit on open files");
    }
}
