//! Encrypted connections.

use berth_test_servers::Postgres;
use metadata_postgres::OpenError;
use registry_core::testing::metadata::{push, resolve, tagged};
use sqlx::{Executor as _, Row as _};

use super::Database;

/// A server with a certificate for `localhost` that nobody signed but itself, and the certificate.
async fn server() -> (Postgres, String) {
    let server = Postgres::start().await;
    let names = ["localhost".to_owned()];
    let certified = rcgen::generate_simple_self_signed(names).unwrap();
    let (certificate, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
    // The server writes the files itself, because it reads no key that anybody else could read.
    for (file, pem) in [("server.crt", &certificate), ("server.key", &key)] {
        let lines = format!("SELECT unnest(string_to_array(rtrim('{pem}', E'\\n'), E'\\n'))");
        let copy = format!("COPY ({lines}) TO PROGRAM 'umask 077; cat > {file}'");
        server.execute("postgres", &copy).await;
    }
    server
        .execute("postgres", "ALTER SYSTEM SET ssl = on")
        .await;
    server.execute("postgres", "SELECT pg_reload_conf()").await;
    (server, certificate)
}

#[tokio::test]
async fn connections_are_encrypted_where_the_url_asks_for_it() {
    let (server, certificate) = server().await;
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root.crt");
    std::fs::write(&root, certificate).unwrap();
    let url = server
        .create_database()
        .await
        .replace("127.0.0.1", "localhost");
    let verified = format!("{url}?sslmode=verify-full&sslrootcert={}", root.display());
    for url in [format!("{url}?sslmode=require"), verified] {
        let database = Database::at(url);
        let metadata = database.open().await.unwrap();
        let digest = push(&metadata, tagged("a/b", "{}", &["v1"])).await;
        assert_eq!(resolve(&metadata, "a/b", "v1").await, Some(digest));
        let mut connection = database.connect().await;
        let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
            WHERE datname = current_database()";
        let row = connection.fetch_one(encrypted).await.unwrap();
        assert!(row.get::<bool, _>(0));
    }
    // Nobody known has signed it.
    let database = Database::at(format!("{url}?sslmode=verify-full"));
    let error = database.open().await.unwrap_err();
    assert!(matches!(error, OpenError::Tls { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_without_encryption_is_refused_where_the_url_asks_for_it() {
    let url = Postgres::shared().await.create_database().await;
    let error = Database::at(format!("{url}?sslmode=require"))
        .open()
        .await
        .unwrap_err();
    assert!(matches!(error, OpenError::Tls { .. }), "{error:?}");
    assert!(error.to_string().contains("sslmode"), "{error}");
}
