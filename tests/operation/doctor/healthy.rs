//! Where all is well: before the first start, beside running registries, after them. Nothing is left behind.

use std::{fs, time::Duration};

use berth_test_servers::Postgres;
use berth_tests::{Document, SharedStores, TestRegistry};

use super::Doctor;

const LOCAL: [&str; 7] = [
    "configuration",
    "port",
    "port",
    "open files",
    "directory",
    "space",
    "certificate",
];

#[tokio::test]
async fn before_the_first_start_on_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let diagnosis = Doctor::embedded(&data).diagnose().await;
    diagnosis
        .expect_health()
        .expect("database", "ok", &["made at the first start"]);
    let checks = diagnosis.checks();
    assert_eq!(
        checks,
        [LOCAL.as_slice(), &["database", "storage"]].concat()
    );
    let left = fs::read_dir(directory.path()).expect("a directory");
    assert_eq!(left.count(), 0, "something is left");
}

#[tokio::test]
async fn beside_a_running_registry_that_holds_its_files_and_after_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let builder = TestRegistry::builder().data_directory(directory.path());
    let mut registry = builder.start().await;
    let image = Document::image(1);
    registry.repository("team/app").push("1", &image).await;
    let before = registry.snapshot().await;

    let doctor = Doctor::embedded(directory.path()).beside(&registry);
    let admin = doctor.diagnose().await;
    admin
        .expect_health()
        .expect("registry", "ok", &["ready"])
        .expect(
            "port",
            "ok",
            &[&registry.address().to_string(), "held by the registry"],
        )
        .expect("database", "ok", &["held by the registry"])
        .expect("storage", "ok", &["held by the registry"]);
    assert_eq!(registry.snapshot().await, before);

    // Whoever does not say where it can be asked is told that it cannot.
    let unasked = Doctor::embedded(directory.path()).diagnose().await;
    unasked
        .expect("database", "warn", &["cannot be asked", "admin.listen"])
        .expect_code(0);

    registry.terminate();
    registry.wait_for_exit(Duration::from_secs(20)).await;
    let after = doctor.diagnose().await;
    after
        .expect_health()
        .expect("database", "ok", &["not in use"])
        .expect("storage", "ok", &["not in use"]);
}

#[tokio::test]
async fn before_the_first_start_on_a_database_and_a_bucket() {
    let stores = SharedStores::fresh().await;
    let diagnosis = Doctor::shared(&stores).diagnose().await;
    diagnosis
        .expect_health()
        .expect("database", "ok", &["PostgreSQL 1", "ms round trip"])
        .expect("schema", "ok", &["empty", "the next registry that starts"]);
    let remote = [
        "database",
        "schema",
        "writes",
        "connections",
        "pooler",
        "database clock",
        "s3 bucket",
        "s3 put",
        "s3 get",
        "s3 range",
        "s3 presigned",
        "s3 create",
        "s3 part",
        "s3 complete",
        "s3 delete",
        "s3 clock",
        "redirect",
    ];
    let local = LOCAL.iter().copied();
    let local: Vec<&str> = local
        .filter(|check| !["directory", "space"].contains(check))
        .collect();
    assert_eq!(diagnosis.checks(), [local.as_slice(), &remote].concat());

    assert!(stores.objects().await.is_empty(), "objects are left");
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    let postgres = Postgres::shared().await;
    assert_eq!(postgres.execute(stores.database(), tables).await, "0");
}

#[tokio::test]
async fn beside_running_pods() {
    let stores = SharedStores::fresh().await;
    let start = || TestRegistry::builder().stores(&stores).start();
    let (one, other) = (start().await, start().await);
    let image = Document::image(1);
    one.repository("team/app").push("1", &image).await;
    let before = one.snapshot().await;
    for registry in [&one, &other] {
        let diagnosis = Doctor::shared(&stores).beside(registry).diagnose().await;
        diagnosis
            .expect_health()
            .expect("registry", "ok", &["ready"])
            .expect("schema", "ok", &["which is this release's"]);
    }
    assert_eq!(one.snapshot().await, before);
    let pulled = other.repository("team/app");
    pulled.expect_manifest("1", &image).await;
}

#[tokio::test]
async fn for_people_it_is_a_line_each_and_what_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    fs::write(&file, "").expect("a file");
    let doctor = Doctor::embedded(directory.path()).option("--listen", "127.0.0.1:0");
    let printed = doctor.run(&[]).await;
    assert_eq!(printed.code, Some(0), "{printed:?}");
    let right = "ok   configuration  it is right: metadata in sqlite:";
    assert!(printed.stdout.starts_with(right), "{printed:?}");
    assert_eq!(printed.stderr, "");

    let printed = Doctor::embedded(&file).run(&[]).await;
    assert_eq!(printed.code, Some(1), "{printed:?}");
    let wrong = printed
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("FAIL directory"));
    let wrong: Vec<&str> = wrong.take(2).collect();
    assert_eq!(wrong.len(), 2, "{printed:?}");
    assert!(
        wrong[1].starts_with("     ") && wrong[1].contains("--data-dir"),
        "{wrong:?}"
    );
    assert!(printed.stderr.contains("checks failed"), "{printed:?}");
}

#[tokio::test]
async fn a_wrong_configuration_has_a_code_of_its_own() {
    let doctor = Doctor::new().configuration("http:\n  idle_timout: 10s");
    let printed = doctor.run(&[]).await;
    assert_eq!(printed.code, Some(2), "{printed:?}");
    assert!(printed.stderr.contains("idle_timeout"), "{printed:?}");
    let diagnosis = doctor.diagnose().await;
    diagnosis
        .expect("configuration", "fail", &["idle_timout", "berth.yaml:2"])
        .expect_code(2);
}
