//! Images made on the spot: a root file system that holds a static busybox, so that they run anywhere, packed and
//! described here and not by any of the clients under test.

use std::{
    fs,
    path::{Path, PathBuf},
};

use berth_tests::{
    Blob, Document, Repository,
    content::{CONFIG, IMAGE, LAYER, sha256},
    tool::Tool,
};
use serde_json::json;

/// Packs a root file system with `/bin/sh` and one file of its own, and returns the archive.
pub(crate) async fn root_file_system(directory: &Path) -> PathBuf {
    let root = directory.join("root");
    fs::create_dir_all(root.join("bin")).expect("a directory");
    fs::write(root.join("unique"), Blob::random(32).digest).expect("a file");
    let tool = Tool::new("cp").current_directory(directory);
    let busybox = ["/bin/busybox", "/usr/bin/busybox"]
        .map(Path::new)
        .into_iter()
        .find(|path| path.exists());
    tool.run([
        busybox.expect("busybox is installed").as_os_str(),
        "root/bin/sh".as_ref(),
    ])
    .await;
    Tool::new("tar")
        .current_directory(directory)
        .line("-C root --owner=0 --group=0 -cf root.tar .")
        .await;
    directory.join("root.tar")
}

/// An image of that root file system that runs its shell, for one architecture.
pub(crate) async fn runnable(directory: &Path, architecture: &str) -> Document {
    let archive = root_file_system(directory).await;
    let difference = sha256(&fs::read(&archive).expect("the archive is read"));
    Tool::new("gzip")
        .current_directory(directory)
        .line("-nf root.tar")
        .await;
    let layer = Blob::new(fs::read(directory.join("root.tar.gz")).expect("the layer is read"));
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {"Entrypoint": ["/bin/sh"], "Cmd": ["-c", "echo ran"]},
        "rootfs": {"type": "layers", "diff_ids": [difference]},
    });
    let config = Blob::new(config.to_string());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": config.descriptor(CONFIG),
        "layers": [layer.descriptor(LAYER)],
    });
    Document::json(IMAGE, &manifest).with_blobs([layer, config])
}

/// Pushes an index of that image for two architectures, and returns the index.
pub(crate) async fn push_multi_architecture(
    repository: &Repository,
    tag: &str,
    directory: &Path,
) -> Document {
    let mut children = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let child = runnable(directory, architecture).await;
        repository.push(&child.digest, &child).await;
        children.push((architecture, child));
    }
    let index = Document::index_with(children.iter().map(|(_, child)| child), |index| {
        for (entry, (architecture, _)) in index["manifests"]
            .as_array_mut()
            .expect("an array")
            .iter_mut()
            .zip(&children)
        {
            entry["platform"] = json!({"architecture": architecture, "os": "linux"});
        }
    });
    repository.push(tag, &index).await;
    index
}
