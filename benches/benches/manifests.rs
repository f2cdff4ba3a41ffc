//! Manifests: parsed once for each push, strictly, and never written again.

use std::error::Error;
use std::hint::black_box;

use berth_benches::samples::{
    IMAGE_INDEX, IMAGE_MANIFEST, Part, digest_of, image_index, image_manifest,
};
use criterion::{Criterion, Throughput};
use oci_types::{Manifest, MediaType};

fn main() -> Result<(), Box<dyn Error>> {
    let digests: Vec<String> = (0..1000).map(digest_of).collect();
    let parts: Vec<Part<'_>> = digests
        .iter()
        .map(|digest| Part {
            digest,
            size: 31_337,
        })
        .collect();
    let cases = [
        (
            "image of 1 layer",
            IMAGE_MANIFEST,
            image_manifest(parts[0], &parts[1..2]),
        ),
        (
            "image of 100 layers",
            IMAGE_MANIFEST,
            image_manifest(parts[0], &parts[1..101]),
        ),
        ("index of 1,000 entries", IMAGE_INDEX, image_index(&parts)),
    ];
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("manifest parse");
    for (case, media_type, bytes) in cases {
        let media_type: MediaType = media_type.parse()?;
        Manifest::parse(&media_type, &bytes)?;
        group.throughput(Throughput::Bytes(u64::try_from(bytes.len())?));
        group.bench_function(case, |bencher| {
            bencher.iter(|| Manifest::parse(&media_type, black_box(&bytes)));
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
