//! A private certificate authority and a certificate of it for the names of this machine, made by `openssl`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::tool::Tool;

/// The files of an authority and of one server certificate, in a directory that ends with the value.
#[derive(Debug)]
pub struct Certificates {
    directory: TempDir,
}

impl Certificates {
    /// Makes an authority and a server certificate for a name and for the loopback addresses.
    pub async fn generate(name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let names =
            format!("subjectAltName=DNS:{name},IP:127.0.0.1,IP:::1\nbasicConstraints=CA:FALSE\n");
        fs::write(directory.path().join("names"), names).expect("a file is written");
        let key = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ];
        let openssl = Tool::new("openssl").current_directory(directory.path());
        let authority = [
            "req",
            "-x509",
            "-days",
            "2",
            "-subj",
            "/CN=Test Authority",
            "-keyout",
            "ca.key",
            "-out",
            "ca.crt",
        ];
        openssl.run(authority.iter().chain(&key)).await;
        let request = [
            "req",
            "-subj",
            "/CN=localhost",
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
        ];
        openssl.run(request.iter().chain(&key)).await;
        let sign = "x509 -req -days 2 -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile names -out server.crt";
        openssl.run(sign.split(' ')).await;
        Self { directory }
    }

    /// The authority's certificate, which clients must trust.
    pub fn authority(&self) -> PathBuf {
        self.path("ca.crt")
    }

    /// The server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.path("server.crt")
    }

    /// The server's private key.
    pub fn private_key(&self) -> PathBuf {
        self.path("server.key")
    }

    fn path(&self, name: &str) -> PathBuf {
        let directory: &Path = self.directory.path();
        directory.join(name)
    }
}
