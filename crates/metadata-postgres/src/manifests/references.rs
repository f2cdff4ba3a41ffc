//! How a manifest's references travel: as three arrays of the same length, in their order.

use registry_core::ports::{BlobKind, BlobReference};

use crate::rows::signed;
use crate::statement::Bound;

/// SQL for the references in `$8`, `$9` and `$10`.
macro_rules! references {
    () => {
        "SELECT position, digest, size, kind
         FROM unnest($8::bytea[], $9::bigint[], $10::smallint[])
           WITH ORDINALITY AS reference (digest, size, kind, position)"
    };
}
pub(super) use references;

/// Binds the three.
pub(super) fn bind(bound: Bound, references: &[BlobReference]) -> Bound {
    let digests = references
        .iter()
        .map(|reference| reference.digest.to_bytes());
    let sizes = references.iter().map(|reference| signed(reference.size));
    let kinds = references.iter().map(|reference| number(reference.kind));
    bound
        .bind(digests.collect::<Vec<_>>())
        .bind(sizes.collect::<Vec<_>>())
        .bind(kinds.collect::<Vec<_>>())
}

/// The number of a kind in `manifest_blobs.kind`.
fn number(kind: BlobKind) -> i16 {
    match kind {
        BlobKind::Config => 0,
        BlobKind::Layer => 1,
        BlobKind::NonDistributable => 2,
        BlobKind::Child => 3,
    }
}
