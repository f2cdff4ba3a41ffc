//! What is wrong with the database, or with the way to it.

use std::{fs, os::unix::fs::MetadataExt, os::unix::fs::chown};

use berth_test_servers::{PgBouncer, PoolMode, Postgres, Toxiproxy};
use berth_tests::{SharedStores, TestRegistry, certificates::Certificates};

use super::{Diagnosis, Doctor};

/// A bucket that is right, and a database at this URL.
async fn diagnose(url: &str) -> Diagnosis {
    let stores = SharedStores::fresh().await;
    doctor(&stores, url).diagnose().await
}

fn doctor(stores: &SharedStores, url: &str) -> Doctor {
    Doctor::shared(stores).option("--metadata-url", url)
}

#[tokio::test]
async fn a_server_that_is_stopped() {
    let mut postgres = Postgres::start().await;
    let url = postgres.create_database().await;
    diagnose(&url).await.expect_health();
    postgres.stop().await;
    let diagnosis = diagnose(&url).await;
    diagnosis.expect_only(
        "database",
        &["cannot be reached", "refused", "check that it runs"],
    );
}

#[tokio::test]
async fn a_wrong_password_and_a_database_that_is_not_there() {
    let postgres = Postgres::start().await;
    let name = "berth_of_the_test";
    let create = format!("CREATE DATABASE {name}");
    postgres.execute("postgres", &create).await;
    let rules = postgres.socket_directory().join("data/pg_hba.conf");
    fs::write(
        &rules,
        "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n",
    )
    .expect("the rules are written");
    let statements = "ALTER USER postgres PASSWORD 'right-password'; SELECT pg_reload_conf()";
    postgres.execute("postgres", statements).await;

    let url = |password: &str, database: &str| {
        format!(
            "postgres://postgres:{password}@127.0.0.1:{}/{database}",
            postgres.port()
        )
    };
    diagnose(&url("right-password", name)).await.expect_health();

    let stores = SharedStores::fresh().await;
    let mut wrong = doctor(&stores, &url("wrong-password", name));
    wrong.secrets.push("wrong-password".to_owned());
    let diagnosis = wrong.diagnose().await;
    diagnosis.expect_only(
        "database",
        &[name, "does not let this user in", "check user and password"],
    );

    let nowhere = diagnose(&url("right-password", "nowhere")).await;
    nowhere.expect_only("database", &["no database nowhere", "create it"]);
}

#[tokio::test]
async fn a_server_that_says_nothing() {
    let toxiproxy = Toxiproxy::start().await;
    let postgres = Postgres::shared().await;
    let proxy = toxiproxy.proxy(postgres.port()).await;
    let database = postgres.create_database().await;
    let url = database.replace(&postgres.port().to_string(), &proxy.port().to_string());
    diagnose(&url).await.expect_health();
    proxy.hang().await;
    let diagnosis = diagnose(&url).await;
    diagnosis.expect_only("database", &["cannot be reached"]);
}

#[tokio::test]
async fn a_pooler_that_mixes_up_statements() {
    let postgres = Postgres::shared().await;
    let database = postgres.create_database().await;
    let name = database.rsplit('/').next().expect("a name");
    let sessions = PgBouncer::start(postgres, PoolMode::Session).await;
    diagnose(&sessions.url(name)).await.expect_health();
    let transactions = PgBouncer::start(postgres, PoolMode::Transaction).await;
    let diagnosis = diagnose(&transactions.url(name)).await;
    diagnosis.expect_only("pooler", &["mixes up", "pool_mode", "1.21"]);
}

#[tokio::test]
async fn a_server_that_does_not_sync() {
    for (set, status) in [("off", "warn"), ("on", "ok")] {
        let postgres = Postgres::start_with(&[("fsync", set)]).await;
        let url = postgres.create_database().await;
        let diagnosis = diagnose(&url).await;
        diagnosis.expect("writes", status, &[]).expect_health();
        if set == "off" {
            diagnosis.expect("writes", status, &["machine crashes", "fsync = on"]);
        }
    }
}

#[tokio::test]
async fn connections_that_do_not_suffice() {
    let postgres = Postgres::start_with(&[("max_connections", "15")]).await;
    let url = postgres.create_database().await;
    let diagnosis = diagnose(&url).await;
    diagnosis
        .expect(
            "connections",
            "warn",
            &["of 12 are open", "up to 20", "max_connections"],
        )
        .expect_code(0);
}

#[tokio::test]
async fn a_user_who_may_not_write_and_one_who_may_not_migrate() {
    let stores = SharedStores::fresh().await;
    let postgres = Postgres::shared().await;
    let user = format!("reader_of_{}", stores.database());
    let create = format!("CREATE USER {user}; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    postgres.execute(stores.database(), &create).await;
    let url = stores
        .metadata_url
        .replace("postgres@", &format!("{user}@"));

    let diagnosis = doctor(&stores, &url).diagnose().await;
    diagnosis.expect_only(
        "schema",
        &["empty", "may not create tables", "metadata.migrations_url"],
    );
    let way = format!("metadata:\n  migrations_url: {}", stores.metadata_url);
    let diagnosis = doctor(&stores, &url).configuration(&way).diagnose().await;
    diagnosis
        .expect_health()
        .expect("migrations", "ok", &[stores.database()]);

    drop(TestRegistry::builder().stores(&stores).start().await);
    let diagnosis = doctor(&stores, &url).diagnose().await;
    diagnosis
        .expect("schema", "fail", &["permission denied"])
        .expect(
            "writes",
            "fail",
            &["may not read and write", "blobs", "GRANT"],
        )
        .expect_code(1);
    let grant =
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}");
    postgres.execute(stores.database(), &grant).await;
    let diagnosis = doctor(&stores, &url).diagnose().await;
    diagnosis.expect_health();
}

#[tokio::test]
async fn a_schema_that_is_newer_older_or_another_programs() {
    let stores = SharedStores::fresh().await;
    let by_command = Doctor::shared(&stores).configuration("metadata:\n  migrate: command");
    let diagnosis = by_command.diagnose().await;
    diagnosis.expect_only("schema", &["empty", "berth migrate"]);

    drop(TestRegistry::builder().stores(&stores).start().await);
    by_command.diagnose().await.expect_health();
    let postgres = Postgres::shared().await;
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (99990101000000, 'of a newer release', true, '', 0)";
    postgres.execute(stores.database(), newer).await;
    let diagnosis = Doctor::shared(&stores).diagnose().await;
    diagnosis.expect_only("schema", &["99990101000000", "newer release"]);

    let theirs = SharedStores::fresh().await;
    postgres
        .execute(theirs.database(), "CREATE TABLE theirs (x integer)")
        .await;
    let diagnosis = Doctor::shared(&theirs).diagnose().await;
    diagnosis.expect_only("schema", &["another program", "name an empty database"]);
}

#[tokio::test]
async fn a_replica_that_is_not_there_is_done_without() {
    let mut postgres = Postgres::start().await;
    let url = postgres.create_database().await;
    postgres.stop().await;
    let stores = SharedStores::fresh().await;
    let doctor = Doctor::shared(&stores);
    let replica = format!("metadata:\n  replica_url: {url}");
    let diagnosis = doctor.configuration(&replica).diagnose().await;
    diagnosis
        .expect("replica", "warn", &["cannot be reached"])
        .expect_code(0);
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts() {
    let certificates = Certificates::generate("localhost").await;
    let postgres = with_tls(&certificates).await;
    let database = postgres.create_database().await;
    let trusting = format!(
        "{database}?sslmode=verify-full&sslrootcert={}",
        certificates.authority().display()
    );
    let diagnosis = diagnose(&trusting).await;
    diagnosis
        .expect_health()
        .expect("database", "ok", &["TLSv1.3"]);

    let diagnosis = diagnose(&format!("{database}?sslmode=verify-full")).await;
    diagnosis.expect_only("database", &["TLS handshake", "certificate", "sslrootcert"]);
}

/// A server that encrypts, with files that its own user may read.
async fn with_tls(certificates: &Certificates) -> Postgres {
    let (certificate, key) = (certificates.certificate(), certificates.private_key());
    let owner = {
        let postgres = Postgres::shared().await;
        fs::metadata(postgres.socket_directory()).expect("a directory")
    };
    let directory = key.parent().expect("a directory");
    for path in [directory, &certificate, &key] {
        chown(path, Some(owner.uid()), Some(owner.gid())).expect("the owner is changed");
    }
    Postgres::start_with(&[
        ("ssl", "on"),
        ("ssl_cert_file", &certificate.display().to_string()),
        ("ssl_key_file", &key.display().to_string()),
    ])
    .await
}
