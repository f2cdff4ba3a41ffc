//! Where a connection is served: on the runtime with all others, or, while a large body comes in, on a thread of its
//! own. There the application hashes and writes what was read without another thread between, and may take its time;
//! bytes that change threads change caches, which costs more than reading them.

use tokio::sync::OwnedSemaphorePermit;

use super::{ConnectionContext, stream::Protocol};

/// Where a connection is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On a thread it shares.
    Runtime,
    /// On a thread that has nothing else to do.
    OwnThread,
}

/// Why a connection is no longer served where it was.
#[derive(Debug)]
pub(super) enum Departure {
    /// It has ended.
    Ended,
    /// It has work for a thread of its own, and may have one.
    ToOwnThread(OwnedSemaphorePermit),
    /// It leaves its thread for those with more to do.
    ToRuntime,
}

impl Place {
    /// Whether the connection, which waits for something, waits better elsewhere. Requests on HTTP/2 are tasks beside
    /// their connection, so that it brings nothing to move that.
    pub(super) fn departure(
        self,
        protocol: Protocol,
        context: &ConnectionContext,
    ) -> Option<Departure> {
        let takes_large_body = protocol == Protocol::Http1 && context.activity().takes_large_body();
        match self {
            Self::Runtime if takes_large_body => {
                context.server().own_thread().map(Departure::ToOwnThread)
            }
            Self::OwnThread if !takes_large_body => Some(Departure::ToRuntime),
            Self::Runtime | Self::OwnThread => None,
        }
    }
}
