//! The floor: the least that a durable push and a pull can cost.
//!
//! A process of its own, measured as the registries are. For a push it reads a socket, hashes,
//! writes a file and syncs it; for a pull it reads a file and writes the socket. It has no HTTP,
//! no names, no metadata and one thread, so no registry gets below it by much; what a registry
//! costs above it is its own doing.
//!
//! It hashes with Berth's own crate, which picks the fastest engine of the CPU, so that it stays
//! the floor on CPUs without SHA instructions; the generator checks its hashes with another.
//!
//! Protocol, one connection at a time: `P`, eight bytes of length (little endian), the bytes,
//! answered by the 32 bytes of their SHA-256 once they are durable; `G`, answered by the length
//! and the bytes of the last push.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use blob_hash::Hasher;
use oci_types::Algorithm;

/// As much as a registry would read and write at once.
const SLICE: usize = 256 * 1024;

/// Asks for a push.
pub(crate) const PUSH: u8 = b'P';

/// Asks for a pull.
pub(crate) const PULL: u8 = b'G';

/// Serves in `directory` until it is killed.
pub(crate) fn serve(directory: &Path) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("ready registry=http://{}", listener.local_addr()?);
    let mut blobs = Blobs {
        directory,
        pushed: 0,
    };
    loop {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        answer(stream, &mut blobs)?;
    }
}

/// The files of all pushes. They are kept, as a registry keeps its blobs: were the last one
/// deleted, the next would find its pages warm.
struct Blobs<'a> {
    directory: &'a Path,
    pushed: u64,
}

impl Blobs<'_> {
    /// Where the last push is.
    fn last(&self) -> PathBuf {
        self.directory.join(format!("blob-{}", self.pushed))
    }

    /// Where one more push goes.
    fn next(&mut self) -> PathBuf {
        self.pushed += 1;
        self.last()
    }
}

fn answer(mut stream: TcpStream, blobs: &mut Blobs<'_>) -> Result<()> {
    let mut slice = vec![0; SLICE];
    loop {
        let mut command = [0];
        match stream.read_exact(&mut command) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error).context("read a command"),
        }
        match command[0] {
            PUSH => receive(&mut stream, &blobs.next(), &mut slice)?,
            PULL => send(&mut stream, &blobs.last(), &mut slice)?,
            other => bail!("unknown command {other:#x}"),
        }
    }
}

fn receive(stream: &mut TcpStream, path: &Path, slice: &mut [u8]) -> Result<()> {
    let mut length = [0; 8];
    stream.read_exact(&mut length)?;
    let mut left = u64::from_le_bytes(length);
    let mut file = File::create_new(path)?;
    let mut hash = Hasher::new(Algorithm::Sha256);
    while left > 0 {
        let most = usize::try_from(left)?.min(slice.len());
        let read = stream.read(&mut slice[..most])?;
        if read == 0 {
            bail!("the push ended early");
        }
        hash.update(&slice[..read]);
        file.write_all(&slice[..read])?;
        left -= u64::try_from(read)?;
    }
    file.sync_data()?;
    stream.write_all(hash.finish().hash())?;
    Ok(())
}

fn send(stream: &mut TcpStream, path: &Path, slice: &mut [u8]) -> Result<()> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    stream.write_all(&length.to_le_bytes())?;
    loop {
        let read = file.read(slice)?;
        if read == 0 {
            return Ok(());
        }
        stream.write_all(&slice[..read])?;
    }
}
