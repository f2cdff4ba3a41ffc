//! Hashing: the one thing that is done to each byte of a push.
//!
//! The engine that this CPU gets, beside the sha2 crate called directly: where they are the same
//! engine, the difference is what being resumable costs.

use std::error::Error;
use std::hint::black_box;

use blob_hash::{Hasher, engine};
use criterion::{Criterion, Throughput};
use oci_types::Algorithm;
use sha2::{Digest as _, Sha256, Sha512};

/// A small layer, and a slice of a streamed one.
const SIZES: [(&str, usize); 2] = [("10 KiB", 10 * 1024), ("256 KiB", 256 * 1024)];

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        throughput(&mut criterion, algorithm)?;
    }
    resuming(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn throughput(criterion: &mut Criterion, algorithm: Algorithm) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group(algorithm.as_str());
    for (size, length) in SIZES {
        let bytes = vec![0x5a; length];
        group.throughput(Throughput::Bytes(u64::try_from(length)?));
        group.bench_function(
            format!("ours on {}, {size}", engine(algorithm)),
            |bencher| {
                bencher.iter(|| blob_hash::digest(algorithm, black_box(&bytes)));
            },
        );
        group.bench_function(format!("sha2 crate, {size}"), |bencher| match algorithm {
            Algorithm::Sha256 => {
                bencher.iter(|| Sha256::digest(black_box(&bytes)));
            }
            Algorithm::Sha512 => {
                bencher.iter(|| Sha512::digest(black_box(&bytes)));
            }
        });
    }
    group.finish();
    Ok(())
}

/// What a checkpoint of an upload adds.
fn resuming(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update(&[0x5a; 1000]);
    criterion.bench_function("hash state store", |bencher| {
        bencher.iter(|| black_box(&hasher).state());
    });
    let state = hasher.state();
    Hasher::resume(&state)?;
    criterion.bench_function("hash state resume", |bencher| {
        bencher.iter(|| Hasher::resume(black_box(&state)));
    });
    Ok(())
}
