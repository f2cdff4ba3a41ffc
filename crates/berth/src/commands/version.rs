//! `berth version`.

use std::io::{self, Write};

use blob_hash::engine;
use metadata_sqlite::sqlite_version;
use oci_types::Algorithm;

use crate::version::{COMMIT, RUSTC, VERSION};

/// Prints what this binary was built from and what it found on this machine.
pub(crate) fn run() -> io::Result<()> {
    let (sha256, sha512) = (engine(Algorithm::Sha256), engine(Algorithm::Sha512));
    let sqlite = sqlite_version();
    writeln!(
        io::stdout(),
        "berth   {VERSION}\ncommit  {COMMIT}\nrustc   {RUSTC}\nsqlite  {sqlite}\n\
         hashing sha256 by {sha256}, sha512 by {sha512}"
    )
}
