//! A full disk: pushes are refused with words, what is there can be read, nothing is half visible, and when there is
//! room again everything goes on without a restart.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use berth_tests::{Blob, Document, Repository, TestRegistry, tool::Tool};
use tempfile::TempDir;

/// A registry whose data lie in a file system of a few megabytes, in a mount namespace of its own.
struct SmallDisk {
    registry: TestRegistry,
    directory: TempDir,
}

impl SmallDisk {
    async fn start(size: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().display();
        let mount = format!("mount -t tmpfs -o size={size} tmpfs {path} && exec \"$@\"");
        let builder =
            TestRegistry::builder().wrapped_in(&["unshare", "--mount", "sh", "-c", &mount, "sh"]);
        let registry = builder.data_directory(directory.path()).start().await;
        Self {
            registry,
            directory,
        }
    }

    /// Runs a command where the server sees its disk.
    async fn inside(&self, command: &str) {
        let (id, path) = (self.registry.process_id(), self.directory.path());
        let arguments = format!("--target {id} --mount sh -c");
        let command = command.replace("DISK", &path.display().to_string());
        Tool::new("nsenter")
            .run(arguments.split(' ').chain([command.as_str()]))
            .await;
    }

    /// Leaves no room at all, whatever is deleted or written by others.
    async fn fill(&self) {
        self.inside("head -c 1G /dev/zero >DISK/filler 2>/dev/null || true")
            .await;
    }

    async fn grow(&self) {
        self.inside("mount -o remount,size=256m DISK").await;
    }
}

#[tokio::test]
async fn an_upload_that_does_not_fit_is_refused_and_goes_on_when_there_is_room() {
    let disk = SmallDisk::start("32m").await;
    let repository = disk.registry.repository("team/app");
    let image = Document::image(2);
    repository.push("1", &image).await;

    let blob = Blob::random(40 << 20);
    let location = repository.start_upload().await;
    let location = repository
        .patch_range(&location, 0, &blob.bytes[..4 << 20])
        .send()
        .await
        .expect_status(202)
        .location();
    let refused = repository
        .patch_range(&location, 4 << 20, &blob.bytes[4 << 20..])
        .send()
        .await;
    refused.expect_status(507);
    assert!(refused.error_code().is_some(), "{refused:?}");
    repository
        .head_blob(&blob.digest)
        .send()
        .await
        .expect_status(404);
    repository.expect_manifest("1", &image).await;
    repository.expect_blob(&image.blobs[0]).await;

    disk.grow().await;
    let location = resume(&repository, &location, &blob).await;
    repository
        .finish_upload(&location, &blob.digest, &[])
        .send()
        .await
        .expect_status(201);
    repository.expect_blob(&blob).await;
}

/// Sends the rest of a blob. The server may have had no room even to note that the session is free again: then it says
/// so until the note it has runs out.
async fn resume(repository: &Repository, location: &str, blob: &Blob) -> String {
    let status = repository.client().get(location).send().await;
    let range = status
        .expect_status(204)
        .required_header("range")
        .to_owned();
    let from = range
        .trim_start_matches("0-")
        .parse::<usize>()
        .expect("a number")
        + 1;
    assert!(from >= 4 << 20, "acknowledged bytes are gone: {range}");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let rest = repository
            .patch_range(location, from, &blob.bytes[from..])
            .send()
            .await;
        if rest.status() == 202 {
            return rest.location();
        }
        rest.expect_error(429, "TOOMANYREQUESTS");
        assert!(
            Instant::now() < deadline,
            "the session is never free: {rest:?}"
        );
    }
}

#[tokio::test]
async fn without_any_room_reads_go_on_and_writes_are_refused() {
    let disk = SmallDisk::start("16m").await;
    let repository = disk.registry.repository("team/app");
    let (image, next) = (Document::image(2), Document::image(2));
    repository.push("1", &image).await;
    for blob in &next.blobs {
        repository.push_blob(blob).await;
    }
    disk.fill().await;

    let mut refused = 0;
    for number in 0..200 {
        let answer = repository
            .put_manifest(&format!("v{number}"), &next)
            .send()
            .await;
        match answer.status() {
            // The log of the database has room left until its next page.
            201 => {
                repository
                    .expect_manifest(&format!("v{number}"), &next)
                    .await;
            }
            status => {
                assert_eq!(status, 507, "{answer:?}");
                assert!(answer.error_code().is_some(), "{answer:?}");
                refused += 1;
            }
        }
        repository.expect_manifest("1", &image).await;
    }
    assert!(refused > 0, "200 writes fit on a full disk");
    let opened = repository
        .request(http::Method::POST, "blobs/uploads/")
        .send()
        .await;
    assert!([202, 507].contains(&opened.status()), "{opened:?}");

    disk.grow().await;
    repository.push("2", &next).await;
    repository.expect_manifest("2", &next).await;
    repository.push("3", &Document::image(3)).await;
}

#[tokio::test]
async fn a_full_disk_and_a_crash_lose_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let image_file = directory.path().join("disk.img");
    let mount_point = directory.path().join("disk");
    std::fs::create_dir(&mount_point).expect("a directory");
    // A file system in a file outlives the namespace it is mounted in, as a real disk does.
    let disk = Tool::new("truncate");
    disk.run(["-s".as_ref(), "48M".as_ref(), image_file.as_os_str()])
        .await;
    Tool::new("mkfs.ext4")
        .run(["-q".as_ref(), "-F".as_ref(), image_file.as_os_str()])
        .await;
    let mount = mount_command(&image_file, &mount_point);
    let data = mount_point.join("data");
    let builder = TestRegistry::builder()
        .wrapped_in(&["unshare", "--mount", "sh", "-c", &mount, "sh"])
        .data_directory(&data);

    let mut registry = builder.clone().start().await;
    let repository = registry.repository("team/app");
    let mut pushed = Vec::new();
    loop {
        let blob = Blob::random(1 << 20);
        let location = repository.start_upload().await;
        let answer = repository
            .finish_upload(&location, &blob.digest, &blob.bytes)
            .send()
            .await;
        if answer.status() != 201 {
            answer.expect_status(507);
            break;
        }
        pushed.push(blob);
        assert!(pushed.len() < 48, "more fits than there is");
    }
    registry.kill_hard();
    let registry = builder.start().await;
    for blob in &pushed {
        registry.repository("team/app").expect_blob(blob).await;
    }
}

fn mount_command(image: &Path, mount_point: &Path) -> String {
    format!(
        "mount -o loop {} {} && exec \"$@\"",
        image.display(),
        mount_point.display()
    )
}
