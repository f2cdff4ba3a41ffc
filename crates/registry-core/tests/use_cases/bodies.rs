//! Bodies of requests as clients send them: whole, of unknown length, broken off, still coming.

use bytes::Bytes;
use futures_util::stream;
use oci_types::{Algorithm, Digest};
use registry_core::{BodyError, Chunk, UploadBody};
use tokio::sync::mpsc;

pub(crate) const MIB: usize = 1024 * 1024;
/// Longer than a body that is taken into memory whole.
pub(crate) const LARGE: usize = MIB + 4_321;

/// Bytes that differ from place to place and from seed to seed.
pub(crate) fn pattern(seed: u8, length: usize) -> Bytes {
    (0..=250)
        .cycle()
        .skip(usize::from(seed))
        .take(length)
        .collect()
}

pub(crate) fn sha256(content: &[u8]) -> Digest {
    blob_hash::digest(Algorithm::Sha256, content)
}

pub(crate) fn sha512(content: &[u8]) -> Digest {
    blob_hash::digest(Algorithm::Sha512, content)
}

/// A body with its length, in pieces as a network brings them.
pub(crate) fn whole(content: &Bytes) -> UploadBody {
    UploadBody {
        length: Some(content.len() as u64),
        ..unmeasured(content)
    }
}

/// A body whose length nobody said.
pub(crate) fn unmeasured(content: &Bytes) -> UploadBody {
    let pieces: Vec<_> = pieces(content).map(Ok).collect();
    UploadBody {
        stream: Box::pin(stream::iter(pieces)),
        length: None,
    }
}

/// A body of which only this much comes, of one byte more.
pub(crate) fn broken(content: &Bytes) -> UploadBody {
    let mut pieces: Vec<_> = pieces(content).map(Ok).collect();
    pieces.push(Err(BodyError::ClientGone));
    UploadBody {
        stream: Box::pin(stream::iter(pieces)),
        length: Some(content.len() as u64 + 1),
    }
}

/// A body that ends when the sender is dropped.
pub(crate) fn coming() -> (mpsc::Sender<Bytes>, UploadBody) {
    let (sender, receiver) = mpsc::channel(1);
    let bytes = stream::unfold(receiver, async |mut receiver: mpsc::Receiver<Bytes>| {
        receiver.recv().await.map(|bytes| (Ok(bytes), receiver))
    });
    let body = UploadBody {
        stream: Box::pin(bytes),
        length: None,
    };
    (sender, body)
}

/// A chunk that does not say where it belongs.
pub(crate) fn anywhere(body: UploadBody) -> Chunk {
    Chunk { body, range: None }
}

/// A chunk that says where it begins.
pub(crate) fn at(start: usize, content: &Bytes) -> Chunk {
    let last = start + content.len() - 1;
    Chunk {
        body: whole(content),
        range: Some(format!("{start}-{last}").parse().unwrap()),
    }
}

fn pieces(content: &Bytes) -> impl Iterator<Item = Bytes> {
    const PIECE: usize = 64 * 1024;
    let starts = (0..content.len()).step_by(PIECE);
    starts.map(|start| content.slice(start..content.len().min(start + PIECE)))
}
