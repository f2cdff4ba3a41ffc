//! Manifests as real clients push them.

use super::{DIGEST, descriptor, media_type, parse_image, parse_index};
use crate::{Manifest, ManifestKind, MediaType};

const OTHER: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

#[test]
fn oci_image() {
    let manifest = parse_image(&format!(
        r#"{{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.manifest.v1+json",
  "config": {{
    "mediaType": "application/vnd.oci.image.config.v1+json",
    "digest": "{DIGEST}",
    "size": 581
  }},
  "layers": [
    {{
      "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
      "digest": "{OTHER}",
      "size": 2214928,
      "annotations": {{ "org.example.layer": "1" }}
    }}
  ],
  "annotations": {{ "org.opencontainers.image.version": "1.36" }}
}}"#
    ))
    .unwrap();
    assert_eq!(manifest.media_type, MediaType::OCI_MANIFEST);
    assert_eq!(manifest.kind, ManifestKind::Image);
    assert_eq!(manifest.artifact_type, Some(MediaType::OCI_CONFIG));
    assert_eq!(
        manifest.annotations["org.opencontainers.image.version"],
        "1.36"
    );
    assert_eq!(manifest.layers[0].annotations["org.example.layer"], "1");
    let named: Vec<(String, u64)> = manifest
        .descriptors()
        .map(|d| (d.digest.to_string(), d.size))
        .collect();
    assert_eq!(
        named,
        [(DIGEST.to_owned(), 581), (OTHER.to_owned(), 2_214_928)]
    );
}

#[test]
fn oci_index_of_platforms_with_attestations() {
    let manifest = parse_index(&format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
        {{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{DIGEST}","size":1234,
          "platform":{{"architecture":"arm","os":"linux","variant":"v7","os.version":"10.0",
          "os.features":["win32k"]}}}},
        {{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{OTHER}","size":566,
          "annotations":{{"vnd.docker.reference.type":"attestation-manifest"}},
          "platform":{{"architecture":"unknown","os":"unknown"}}}}]}}"#
    ))
    .unwrap();
    assert_eq!(manifest.kind, ManifestKind::Index);
    assert_eq!(manifest.artifact_type, None);
    assert_eq!(manifest.manifests.len(), 2);
    assert_eq!(manifest.descriptors().count(), 2);
}

#[test]
fn docker_image() {
    let body = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",
        "config":{{"mediaType":"application/vnd.docker.container.image.v1+json","size":7023,
        "digest":"{DIGEST}"}},"layers":[
        {{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","size":1654613,
        "digest":"{OTHER}","urls":["https://mcr.example.com/v2/windows/blobs/{OTHER}"]}}]}}"#
    );
    let manifest = Manifest::parse(&MediaType::DOCKER_MANIFEST, body.as_bytes()).unwrap();
    assert_eq!(manifest.kind, ManifestKind::Image);
    assert_eq!(manifest.artifact_type, Some(MediaType::DOCKER_CONFIG));
    assert!(manifest.layers[0].media_type.is_non_distributable());
    assert_eq!(manifest.layers[0].urls.len(), 1);
}

#[test]
fn docker_list() {
    let body = format!(
        r#"{{"schemaVersion":2,
        "mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[
        {{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":7143,
        "digest":"{DIGEST}","platform":{{"architecture":"amd64","os":"linux",
        "features":["sse4"]}}}}]}}"#
    );
    let manifest = Manifest::parse(&MediaType::DOCKER_MANIFEST_LIST, body.as_bytes()).unwrap();
    assert_eq!(manifest.kind, ManifestKind::Index);
    assert_eq!(manifest.manifests[0].media_type, MediaType::DOCKER_MANIFEST);
}

#[test]
fn helm_chart_without_a_media_type() {
    let manifest = parse_image(&format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.cncf.helm.config.v1+json",
        "digest":"{DIGEST}","size":117}},"layers":[
        {{"mediaType":"application/vnd.cncf.helm.chart.content.v1.tar+gzip","digest":"{OTHER}",
        "size":2487}}],"annotations":{{"org.opencontainers.image.title":"demo"}}}}"#
    ))
    .unwrap();
    let config = media_type("application/vnd.cncf.helm.config.v1+json");
    assert_eq!(manifest.artifact_type, Some(config));
}

#[test]
fn cosign_bundle_referring_to_an_image() {
    let manifest = parse_image(&format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json",
        "config":{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{OTHER}","size":2,
        "data":"e30="}},
        "layers":[{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",
        "digest":"{DIGEST}","size":4012}}],
        "subject":{{"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "digest":"{DIGEST}","size":1024}},
        "annotations":{{"dev.sigstore.bundle.content":"dsse-envelope"}}}}"#
    ))
    .unwrap();
    let bundle = media_type("application/vnd.dev.sigstore.bundle.v0.3+json");
    assert_eq!(manifest.artifact_type, Some(bundle));
    assert_eq!(manifest.config.unwrap().data.as_deref(), Some(&b"{}"[..]));
    assert_eq!(manifest.subject.unwrap().digest.to_string(), DIGEST);
}

#[test]
fn buildkit_cache_whose_entries_are_blobs() {
    let manifest = parse_index(&format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
        {{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{DIGEST}","size":32,
        "annotations":{{"buildkit/createdat":"2024-01-01T00:00:00Z",
        "containerd.io/uncompressed":"{OTHER}"}}}},
        {{"mediaType":"application/vnd.buildkit.cacheconfig.v0","digest":"{OTHER}","size":1024}}]}}"#
    ))
    .unwrap();
    assert_eq!(manifest.kind, ManifestKind::Index);
    assert_eq!(manifest.manifests[0].media_type, MediaType::OCI_LAYER_GZIP);
    assert_eq!(
        manifest.manifests[1].media_type.as_str(),
        "application/vnd.buildkit.cacheconfig.v0"
    );
}

#[test]
fn withdrawn_artifact_manifest() {
    let body = format!(
        r#"{{"mediaType":"application/vnd.oci.artifact.manifest.v1+json",
        "artifactType":"application/vnd.example.sbom","blobs":[{{"mediaType":"application/json",
        "digest":"{OTHER}","size":20}}],"subject":{}}}"#,
        descriptor("")
    );
    let manifest = Manifest::parse(&MediaType::OCI_ARTIFACT_MANIFEST, body.as_bytes()).unwrap();
    assert_eq!(manifest.kind, ManifestKind::Image);
    assert_eq!(manifest.layers[0].digest.to_string(), OTHER);
    assert_eq!(
        manifest.artifact_type,
        Some(media_type("application/vnd.example.sbom"))
    );
    assert!(manifest.subject.is_some());

    let bare = Manifest::parse(&MediaType::OCI_ARTIFACT_MANIFEST, b"{}").unwrap();
    assert_eq!(bare.kind, ManifestKind::Image);
}

#[test]
fn unknown_types_are_read_by_their_fields() {
    let entry = descriptor("");
    for (body, kind, named) in [
        ("{}".to_owned(), ManifestKind::Other, 0),
        (
            r#"{"schemaVersion":3,"x":[{}]}"#.to_owned(),
            ManifestKind::Other,
            0,
        ),
        (r#"{"layers":null}"#.to_owned(), ManifestKind::Other, 0),
        (format!(r#"{{"config":{entry}}}"#), ManifestKind::Image, 1),
        (
            format!(r#"{{"config":{entry},"layers":[{entry}]}}"#),
            ManifestKind::Image,
            2,
        ),
        (
            format!(r#"{{"blobs":[{entry},{entry}]}}"#),
            ManifestKind::Image,
            2,
        ),
        (
            format!(r#"{{"manifests":[{entry}],"layers":null}}"#),
            ManifestKind::Index,
            1,
        ),
    ] {
        let content_type = media_type("application/vnd.example.thing+json");
        let manifest = Manifest::parse(&content_type, body.as_bytes()).unwrap();
        assert_eq!(manifest.kind, kind, "{body}");
        assert_eq!(manifest.descriptors().count(), named, "{body}");
        assert_eq!(manifest.media_type, content_type);
    }
}

#[test]
fn an_index_may_be_an_artifact_with_a_subject() {
    let manifest = parse_index(&format!(
        r#"{{"schemaVersion":2,"artifactType":"application/vnd.example","manifests":[],
        "subject":{}}}"#,
        descriptor("")
    ))
    .unwrap();
    assert_eq!(
        manifest.artifact_type,
        Some(media_type("application/vnd.example"))
    );
    assert!(manifest.subject.is_some());
    assert_eq!(
        manifest.descriptors().count(),
        0,
        "the subject is not part of it"
    );
}

#[test]
fn an_empty_artifact_type_is_none() {
    let body = super::image(r#","artifactType":"""#);
    assert_eq!(
        parse_image(&body).unwrap().artifact_type,
        Some(media_type("a/b"))
    );
}

#[test]
fn blobs_mean_nothing_to_images_and_indexes() {
    let manifest = parse_image(&super::image(r#","blobs":"anything""#)).unwrap();
    assert_eq!(manifest.descriptors().count(), 1);
    parse_index(r#"{"schemaVersion":2,"manifests":[],"blobs":[]}"#).unwrap();
}
