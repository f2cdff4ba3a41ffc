//! How a manifest's references travel as one parameter: a JSON array of strings, each a digit for
//! the kind, the size in nineteen digits, and the digest in hexadecimal. Fixed places are cut with
//! `substr`; objects would be parsed anew for each of their fields.

use registry_core::ports::{BlobKind, BlobReference};

use crate::rows::{hex, json_array, signed};

/// SQL for the references in `$9`, in their order.
macro_rules! references {
    () => {
        "SELECT key, CAST(substr(value, 1, 1) AS INTEGER) AS kind,
            CAST(substr(value, 2, 19) AS INTEGER) AS size, unhex(substr(value, 21)) AS digest
         FROM json_each($9)"
    };
}
pub(super) use references;

pub(super) fn parameter(references: &[BlobReference]) -> String {
    json_array(references.iter().map(|reference| {
        let digest = hex(&reference.digest.to_bytes());
        format!(
            "{}{:019}{digest}",
            number(reference.kind),
            signed(reference.size)
        )
    }))
}

/// The number of a kind in `manifest_blobs.kind`.
fn number(kind: BlobKind) -> u8 {
    match kind {
        BlobKind::Config => 0,
        BlobKind::Layer => 1,
        BlobKind::NonDistributable => 2,
        BlobKind::Child => 3,
    }
}
