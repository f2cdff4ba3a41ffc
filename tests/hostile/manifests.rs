//! Manifests that are no manifests, that can be read as two things, or that lie about what they name.

use berth_tests::{
    Blob, Document,
    content::{CONFIG, DOCKER_IMAGE, IMAGE, INDEX, sha256},
};
use serde_json::{Value, json};

use crate::case::{Case, REPOSITORY, World, run};

/// The image of the world with one change to its JSON.
fn changed(world: &World, name: &str, change: impl FnOnce(&mut Value)) -> Case {
    let mut manifest: Value = serde_json::from_slice(&world.image.bytes).expect("JSON");
    change(&mut manifest);
    Case::manifest(name, manifest.to_string()).refused(400, "MANIFEST_INVALID")
}

/// The image of the world with one text replaced, for what JSON libraries cannot write.
fn replaced(world: &World, name: &str, from: &str, to: &str) -> Case {
    let text = serde_json::from_slice::<Value>(&world.image.bytes)
        .expect("JSON")
        .to_string();
    assert!(text.contains(from), "{from} is not in {text}");
    Case::manifest(name, text.replacen(from, to, 1)).refused(400, "MANIFEST_INVALID")
}

#[tokio::test]
async fn that_are_not_json() {
    run(|world| {
        let good = world.image.bytes.to_vec();
        let with = |before: &[u8], after: &[u8]| [before, &good, after].concat();
        let bodies = [
            ("nothing", Vec::new()),
            ("an array", b"[]".to_vec()),
            ("a string", b"\"manifest\"".to_vec()),
            ("null", b"null".to_vec()),
            ("half of one", good[..good.len() / 2].to_vec()),
            ("a byte order mark", with(b"\xef\xbb\xbf", b"")),
            ("something after it", with(b"", b"x")),
            ("a second one after it", with(b"", b"{}")),
            ("a nothing after it", with(b"", b"\0")),
            (
                "bytes that are no text",
                b"{\"schemaVersion\":2,\"x\":\"\xff\xfe\"}".to_vec(),
            ),
            ("a million open brackets", vec![b'['; 1_000_000]),
            ("deep objects", b"{\"a\":".repeat(100_000)),
        ];
        bodies
            .into_iter()
            .map(|(name, body)| Case::manifest(name, body).refused(400, "MANIFEST_INVALID"))
            .collect()
    })
    .await;
}

#[tokio::test]
async fn that_are_nested_too_deeply() {
    run(|world| {
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let text = format!("\"org.example\":{},\"schemaVersion\":2", deep(33));
        vec![replaced(
            world,
            "33 levels in a field that nobody reads",
            "\"schemaVersion\":2",
            &text,
        )]
    })
    .await;
}

#[tokio::test]
async fn that_can_be_read_as_two_things() {
    run(|world| {
        let other_type = Case::manifest("another type in its header", world.image.bytes.clone());
        vec![
            changed(world, "layers and manifests", |manifest| {
                manifest["manifests"] = json!([]);
            }),
            other_type
                .header("Content-Type", DOCKER_IMAGE)
                .refused(400, "MANIFEST_INVALID"),
            changed(world, "another type in its body", |manifest| {
                manifest["mediaType"] = json!(INDEX);
            }),
            replaced(
                world,
                "a key twice",
                "\"schemaVersion\":2",
                "\"schemaVersion\":2,\"schemaVersion\":2",
            ),
            replaced(
                world,
                "layers twice",
                "\"layers\":",
                "\"layers\":[],\"layers\":",
            ),
            replaced(
                world,
                "an escaped key twice",
                "\"layers\":",
                "\"l\\u0061yers\":[],\"layers\":",
            ),
            replaced(
                world,
                "a key twice in a descriptor",
                "\"size\":",
                "\"size\":1,\"size\":",
            ),
            replaced(
                world,
                "a key in capitals",
                "\"layers\":",
                "\"LAYERS\":[],\"layers\":",
            ),
            replaced(
                world,
                "a key with a capital",
                "\"mediaType\":",
                "\"MediaType\":\"x/y\",\"mediaType\":",
            ),
            replaced(
                world,
                "a capital in a descriptor",
                "\"digest\":",
                "\"Digest\":\"x\",\"digest\":",
            ),
            changed(world, "no type anywhere", |manifest| {
                manifest
                    .as_object_mut()
                    .expect("an object")
                    .remove("mediaType");
            })
            .without_header("Content-Type"),
        ]
    })
    .await;
}

#[tokio::test]
async fn whose_fields_are_wrong() {
    run(|world| {
        let remove = |key: &'static str| {
            move |manifest: &mut Value| {
                manifest.as_object_mut().expect("an object").remove(key);
            }
        };
        vec![
            changed(world, "no version", remove("schemaVersion")),
            changed(world, "another version", |manifest| {
                manifest["schemaVersion"] = json!(3);
            }),
            changed(world, "a version in quotes", |manifest| {
                manifest["schemaVersion"] = json!("2");
            }),
            changed(world, "no config", remove("config")),
            changed(world, "no layers", remove("layers")),
            changed(world, "null for a config", |manifest| {
                manifest["config"] = Value::Null;
            }),
            changed(world, "an object for layers", |manifest| {
                manifest["layers"] = json!({});
            }),
            changed(world, "a number for a layer", |manifest| {
                manifest["layers"][0] = json!(1);
            }),
            changed(world, "a number for a type", |manifest| {
                manifest["mediaType"] = json!(1);
            }),
            changed(world, "a bad digest", |manifest| {
                manifest["layers"][0]["digest"] = json!("sha256:abc");
            }),
            changed(world, "a bad digest of the subject", |manifest| {
                manifest["subject"] = json!({"mediaType": IMAGE, "digest": "x", "size": 1});
            }),
            changed(world, "no digest", |manifest| {
                manifest["layers"][0]
                    .as_object_mut()
                    .expect("an object")
                    .remove("digest");
            }),
        ]
    })
    .await;
}

#[tokio::test]
async fn whose_sizes_are_no_sizes() {
    run(|world| {
        let sizes = [
            "-1",
            "1.5",
            "1e3",
            "1e400",
            "9223372036854775808",
            "18446744073709551616",
            "\"64\"",
            "null",
            "[]",
        ];
        let size = "\"size\":64";
        sizes
            .map(|bad| {
                replaced(
                    world,
                    &format!("size {bad}"),
                    size,
                    &format!("\"size\":{bad}"),
                )
            })
            .to_vec()
    })
    .await;
}

#[tokio::test]
async fn that_lie_about_their_blobs() {
    run(|world| {
        let stranger = Blob::random(64);
        let wrong_size = changed(world, "a size that is not the blob's", |manifest| {
            manifest["layers"][0]["size"] = json!(63);
        });
        let missing = changed(world, "a blob that nobody has", |manifest| {
            manifest["layers"][0] = stranger.descriptor("application/vnd.oci.image.layer.v1.tar");
        });
        let empty = Blob::new("{}");
        let data = |name: &str, data: &str| {
            let mut descriptor = empty.descriptor(CONFIG);
            descriptor["data"] = json!(data);
            changed(world, name, |manifest| manifest["subject"] = descriptor)
        };
        vec![
            wrong_size.refused(400, "SIZE_INVALID"),
            missing.refused(404, "MANIFEST_BLOB_UNKNOWN"),
            data("data of another digest", "W10="),
            data("data of another size", "e30g"),
            data("data that is not base64", "e30!"),
            data("data without its padding", "e30"),
        ]
    })
    .await;
}

#[tokio::test]
async fn that_point_inside() {
    run(|world| {
        let urls = [
            "file:///etc/passwd",
            "ftp://example.com/layer",
            "//example.com/layer",
            "layer",
            "",
            "http://169.254.169.254/latest/meta-data",
            "http://127.0.0.1/layer",
            "https://127.8.9.10:8443/layer",
            "http://10.0.0.1/layer",
            "http://172.16.0.1/layer",
            "http://192.168.1.1/layer",
            "http://0.0.0.0/layer",
            "http://[::1]/layer",
            "http://[::]/layer",
            "http://[::ffff:127.0.0.1]/layer",
            "http://[fe80::1]/layer",
            "http://[fd00::1]/layer",
            "http://user@127.0.0.1/layer",
        ];
        urls.map(|url| {
            changed(world, url, |manifest| {
                manifest["layers"][0]["urls"] = json!([url]);
            })
        })
        .to_vec()
    })
    .await;
}

#[tokio::test]
async fn that_are_too_much() {
    run(|world| {
        let large = changed(world, "more than 4 MiB", |manifest| {
            manifest["annotations"] = json!({"org.example": "x".repeat(4 << 20)});
        });
        let child = Document::image(0).descriptor();
        let many =
            json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": vec![child; 10_001]});
        let many = Case::manifest("more than 10,000 entries", many.to_string())
            .header("Content-Type", INDEX);
        vec![
            large.refused(413, "SIZE_INVALID"),
            many.refused(400, "MANIFEST_INVALID"),
        ]
    })
    .await;
}

#[tokio::test]
async fn whose_tags_cannot_be_set() {
    run(|world| {
        let target = |tags: &[String]| {
            let query: Vec<_> = tags.iter().map(|tag| format!("tag={tag}")).collect();
            format!(
                "/v2/{REPOSITORY}/manifests/{}?{}",
                world.image.digest,
                query.join("&")
            )
        };
        let put = |name: &str, tags: &[String]| {
            Case::manifest(name, world.image.bytes.clone()).at(&target(tags))
        };
        let many: Vec<_> = (0..101).map(|number| format!("v{number}")).collect();
        let bad = ["good".to_owned(), "-bad".to_owned(), "fine".to_owned()];
        let stale = format!("\"{}\"", sha256(b"something else"));
        let one = format!("/v2/{REPOSITORY}/manifests/1");
        vec![
            put("101 of them", &many).answered(414),
            put("one that is none", &bad).refused(400, "MANIFEST_INVALID"),
            Case::manifest("a tag that has moved", world.image.bytes.clone())
                .at(&one)
                .header("If-Match", stale)
                .refused(412, "DENIED"),
            Case::manifest("a tag that is there", world.image.bytes.clone())
                .at(&one)
                .header("If-None-Match", "*")
                .refused(412, "DENIED"),
        ]
    })
    .await;
}

#[tokio::test]
async fn at_the_edge_are_manifests() {
    for backend in berth_tests::Backend::ALL {
        let world = World::new(berth_tests::registry::Builder::new(backend)).await;
        let child = Document::image(0).descriptor();
        let index =
            json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": vec![child; 10_000]});
        world
            .repository
            .push("many", &Document::json(INDEX, &index))
            .await;

        // Annotations may hold whatever their writer likes, twice or in capitals.
        let text = String::from_utf8(world.image.bytes.to_vec()).expect("text");
        let text = text.replacen(
            "\"config\"",
            "\"annotations\": {\"MediaType\": \"a\", \"x\": \"b\", \"x\": \"c\"}, \"config\"",
            1,
        );
        world
            .repository
            .push("annotated", &Document::new(IMAGE, text))
            .await;

        let largest = String::from_utf8(world.image.bytes.to_vec()).expect("text");
        let padding = "x".repeat((4 << 20) - largest.len() - "\"y\": \"\", ".len());
        let largest = largest.replacen(
            "\"config\"",
            &format!("\"y\": \"{padding}\", \"config\""),
            1,
        );
        assert!(largest.len() == 4 << 20, "{}", largest.len());
        let largest = Document::new(IMAGE, largest);
        world.repository.push("largest", &largest).await;
        world.repository.expect_manifest("largest", &largest).await;
    }
}
