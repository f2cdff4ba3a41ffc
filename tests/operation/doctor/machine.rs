//! What is wrong with the machine itself: disks, ports, limits.

use std::{fs, net::TcpListener, path::Path, time::Duration};

use berth_tests::TestRegistry;

use super::{Diagnosis, Doctor};

/// Looks at data in a small file system of its own, in which a command was run first.
async fn on_small_disk(directory: &Path, first: &str) -> Diagnosis {
    let path = directory.display();
    let first = first.replace("DISK", &path.to_string());
    let mount = format!("mount -t tmpfs -o size=8m tmpfs {path} && {first} && exec \"$@\"");
    Doctor::embedded(directory)
        .wrapped_in(&["unshare", "--mount", "sh", "-c", &mount, "sh"])
        .diagnose()
        .await
}

#[tokio::test]
async fn a_disk_with_room_little_room_and_none() {
    let directory = tempfile::tempdir().expect("a directory");
    let room = on_small_disk(directory.path(), "true").await;
    room.expect_health()
        .expect("space", "ok", &["8.0 MiB", "100 %"]);

    let little = on_small_disk(directory.path(), "head -c 7700000 /dev/zero >DISK/filler").await;
    little
        .expect("space", "warn", &["MiB are free", "make room"])
        .expect("directory", "ok", &["can be written"])
        .expect_code(0);

    let none = "(head -c 1G /dev/zero >DISK/filler 2>/dev/null || true)";
    on_small_disk(directory.path(), none)
        .await
        .expect("directory", "fail", &["No space left", "make room"])
        .expect("space", "fail", &["(0 %)", "make room"])
        .expect_code(1);
}

#[tokio::test]
async fn a_disk_that_is_mounted_to_be_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let diagnosis = on_small_disk(directory.path(), "mount -o remount,ro DISK").await;
    diagnosis.expect_only("directory", &["Read-only", "mount it writable"]);
}

#[tokio::test]
async fn ports_of_other_programs() {
    let directory = tempfile::tempdir().expect("a directory");
    let taken = || TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (one, other) = (taken(), taken());
    let address = |listener: &TcpListener| listener.local_addr().expect("its address").to_string();
    let diagnosis = Doctor::embedded(directory.path())
        .option("--listen", address(&one))
        .option("--admin-listen", address(&other))
        .diagnose()
        .await;
    diagnosis
        .expect(
            "port",
            "fail",
            &[&address(&one), "another program", "listen"],
        )
        .expect("port", "fail", &[&address(&other), "admin.listen"])
        .expect_code(1);
    let foreign = Doctor::embedded(directory.path()).option("--listen", "192.0.2.1:5000");
    foreign
        .option("--anonymous", "pull")
        .configuration("external_url: https://registry.example.com")
        .diagnose()
        .await
        .expect_only(
            "port",
            &["192.0.2.1:5000", "not an address of this machine"],
        );
}

#[tokio::test]
async fn data_that_another_registry_holds() {
    let directory = tempfile::tempdir().expect("a directory");
    let builder = TestRegistry::builder().data_directory(directory.path());
    let registry = builder.start().await;
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let admin = free.local_addr().expect("its address").to_string();
    drop(free);
    let diagnosis = Doctor::embedded(directory.path())
        .option("--admin-listen", &admin)
        .diagnose()
        .await;
    diagnosis
        .expect(
            "database",
            "fail",
            &["held by another process", "stop that process"],
        )
        .expect("storage", "fail", &["held by another process"])
        .expect_code(1);
    drop(registry);
}

#[tokio::test]
async fn a_registry_that_is_not_ready() {
    let directory = tempfile::tempdir().expect("a directory");
    let builder = TestRegistry::builder().data_directory(directory.path());
    let registry = builder.start().await;
    // The readiness check wants to make a file of that name.
    fs::create_dir(directory.path().join("storage/probe")).expect("a directory in its place");
    registry
        .admin()
        .wait_for("/readyz", 503, Duration::from_secs(20))
        .await;
    Doctor::embedded(directory.path())
        .beside(&registry)
        .diagnose()
        .await
        .expect(
            "registry",
            "fail",
            &["not ready", "storage failed", "its log"],
        )
        .expect_code(1);
}

#[tokio::test]
async fn a_file_that_is_no_database() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(
        directory.path().join("metadata.db"),
        "something else entirely",
    )
    .expect("a file");
    Doctor::embedded(directory.path())
        .diagnose()
        .await
        .expect_only(
            "database",
            &["metadata.db", "not a SQLite database", "move it away"],
        );
}

#[tokio::test]
async fn few_files_may_be_open() {
    let directory = tempfile::tempdir().expect("a directory");
    let diagnosis = Doctor::embedded(directory.path())
        .wrapped_in(&["prlimit", "--nofile=1000"])
        .diagnose()
        .await;
    diagnosis
        .expect(
            "open files",
            "warn",
            &["only 1000", "10000 connections", "LimitNOFILE"],
        )
        .expect_code(0);
}

#[tokio::test]
async fn what_may_not_have_been_meant() {
    let directory = tempfile::tempdir().expect("a directory");
    let diagnosis = Doctor::embedded(directory.path())
        .option("--listen", "0.0.0.0:0")
        .option("--anonymous", "push")
        .diagnose()
        .await;
    diagnosis
        .expect("configuration", "warn", &["plain HTTP", "tls.certificate"])
        .expect("configuration", "warn", &["push and delete", "anonymous"])
        .expect_code(0);
}
