//! A registry's worth of everything that can be pushed, and how it must come back.

use berth_tests::{
    Blob, Document, TestRegistry,
    content::{LAYER, sha256},
};
use serde_json::Value;

/// What was pushed.
pub(super) struct Content {
    image: Document,
    child: Document,
    index: Document,
    signatures: Vec<Document>,
    alone: Blob,
    large: Blob,
    strong: Blob,
    strong_image: Document,
    common: Blob,
}

const APP: &str = "team/app";
const COPY: &str = "team/copy";
const OTHER: &str = "other/deep/er/app";
const BLOBS: &str = "other/blobs-only";

impl Content {
    /// Pushes images, an index, referrers, a blob that repositories share, one that nobody names, one in several parts,
    /// and some by SHA-512.
    pub(super) async fn push(registry: &TestRegistry) -> Self {
        let [app, copy, other, blobs] = registry.repositories([APP, COPY, OTHER, BLOBS]);
        let image = app.push_image("1", 3).await;
        app.push("latest", &image).await;
        let child = Document::image(1);
        app.push(&child.digest, &child).await;
        let index = Document::index([&image, &child]);
        app.push("all", &index).await;
        let mut signatures = Vec::new();
        for number in 0..5 {
            let signature = Document::referrer(
                &image.descriptor(),
                &format!("application/x.{}", number % 2),
            );
            app.push(&signature.digest, &signature).await;
            signatures.push(signature);
        }
        let common = Blob::random(70_000);
        for repository in [&app, &copy, &other] {
            repository.push_blob(&common).await;
        }
        copy.push_image("v1", 1).await;
        let (alone, large) = (Blob::random(300), Blob::random(12_345_678));
        blobs.push_blob(&alone).await;
        blobs.push_blob(&large).await;
        let strong = Blob::random(5_000).as_sha512();
        other.push_blob(&strong).await;
        let layer = strong.descriptor(LAYER);
        let strong_image = Document::image_with(1, |manifest| {
            let layers = manifest["layers"].as_array_mut();
            layers.expect("layers").push(layer);
        })
        .as_sha512();
        other.push(&strong_image.digest, &strong_image).await;
        other.push("strong", &other_name(&strong_image)).await;
        Self {
            image,
            child,
            index,
            signatures,
            alone,
            large,
            strong,
            strong_image,
            common,
        }
    }

    /// Asserts that all of it is there byte for byte, and nothing where nothing was.
    pub(super) async fn expect(&self, registry: &TestRegistry) {
        let [app, copy, other, blobs] = registry.repositories([APP, COPY, OTHER, BLOBS]);
        for (reference, document) in [
            ("1", &self.image),
            ("latest", &self.image),
            (self.child.digest.as_str(), &self.child),
            ("all", &self.index),
        ] {
            app.expect_manifest(reference, document).await;
        }
        for signature in &self.signatures {
            app.expect_manifest(&signature.digest, signature).await;
        }
        for blob in self.image.blobs.iter().chain(&self.child.blobs) {
            app.expect_blob(blob).await;
        }
        for repository in [&app, &copy, &other] {
            repository.expect_blob(&self.common).await;
        }
        blobs.expect_blob(&self.alone).await;
        blobs.expect_blob(&self.large).await;
        other.expect_blob(&self.strong).await;
        other
            .expect_manifest(&self.strong_image.digest, &self.strong_image)
            .await;
        other
            .expect_manifest("strong", &other_name(&self.strong_image))
            .await;
        // What a repository does not show stays hidden.
        copy.head_blob(&self.alone.digest).expect(404).await;
        self.expect_held(registry).await;
    }

    /// What is held cannot be deleted.
    async fn expect_held(&self, registry: &TestRegistry) {
        let app = registry.repository(APP);
        let layer = &self.image.blobs[0];
        app.delete_blob(&layer.digest)
            .refused(405, "UNSUPPORTED")
            .await;
        app.delete_manifest(&self.child.digest)
            .refused(405, "UNSUPPORTED")
            .await;
    }
}

/// The same bytes under the digest that a push by tag gives them.
fn other_name(document: &Document) -> Document {
    Document {
        digest: sha256(&document.bytes),
        ..document.clone()
    }
}

/// All that lists say: repositories, tags, referrers in their order.
pub(super) async fn lists(registry: &TestRegistry, content: &Content) -> Vec<Value> {
    let client = registry.client();
    let mut lists = vec![client.get("/v2/_catalog").expect(200).await.json()];
    for name in [APP, COPY, OTHER, BLOBS] {
        lists.push(registry.repository(name).tags("").await.json());
    }
    let app = registry.repository(APP);
    for query in ["", "artifactType=application/x.1"] {
        let referrers = app.referrers(&content.image.digest, query).await;
        lists.push(referrers.json());
    }
    lists
}
