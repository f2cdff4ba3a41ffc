//! Names, digests and ranges: parsed on each request, so each nanosecond is paid always.

use std::error::Error;
use std::hint::black_box;

use berth_benches::samples::digest_of;
use criterion::Criterion;
use oci_types::{ByteRange, Digest, MediaType, Reference, RepositoryName};

/// The longest name that is allowed has 255 bytes; this one is near it.
const DEEP_NAME: &str = "region-eu/tenant-0042/department.research/group__genomics/pipeline-align/\
                         stage-3/worker-gpu/base.image/variant-cuda/release-candidate/nightly/\
                         x86-64-v3/debug-symbols/stripped";

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    digests(&mut criterion)?;
    names(&mut criterion)?;
    headers(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn digests(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let text = digest_of(7);
    let digest: Digest = text.parse()?;
    criterion.bench_function("digest parse", |bencher| {
        bencher.iter(|| black_box(text.as_str()).parse::<Digest>());
    });
    criterion.bench_function("digest format", |bencher| {
        bencher.iter(|| black_box(&digest).to_string());
    });
    let bytes = digest.to_bytes();
    Digest::from_bytes(&bytes)?;
    criterion.bench_function("digest from storage form", |bencher| {
        bencher.iter(|| Digest::from_bytes(black_box(&bytes)));
    });
    Ok(())
}

fn names(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    for (case, text) in [("short", "library/alpine"), ("deep", DEEP_NAME)] {
        text.parse::<RepositoryName>()?;
        criterion.bench_function(&format!("repository name parse, {case}"), |bencher| {
            bencher.iter(|| black_box(text).parse::<RepositoryName>());
        });
    }
    "v1.2.3-rc.4".parse::<Reference>()?;
    criterion.bench_function("reference parse, tag", |bencher| {
        bencher.iter(|| black_box("v1.2.3-rc.4").parse::<Reference>());
    });
    Ok(())
}

fn headers(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let media_type = "application/vnd.oci.image.manifest.v1+json; charset=utf-8";
    media_type.parse::<MediaType>()?;
    criterion.bench_function("media type parse", |bencher| {
        bencher.iter(|| black_box(media_type).parse::<MediaType>());
    });
    criterion.bench_function("byte range parse and resolve", |bencher| {
        bencher
            .iter(|| ByteRange::parse(black_box(Some("bytes=1048576-2097151"))).resolve(1 << 30));
    });
    Ok(())
}
