//! What `deploy` holds for operators: its configurations are right, and its proxy does what the registry needs.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
};

use berth_test_servers::SeaweedFs;
use berth_tests::{
    Backend, Blob, SharedStores, TestRegistry,
    binary::berth,
    certificates::Certificates,
    registry::Builder,
    tool::{Daemon, Tool},
};
use tempfile::TempDir;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn read(file: &str) -> String {
    fs::read_to_string(deploy().join(file)).expect("a file of the repository")
}

/// `berth config check` with these variables and no others.
async fn expect_right(variables: &[String], arguments: &[&str]) {
    let check = Tool::new("env").arguments(["-i"]).arguments(variables);
    let check = check.arguments([berth()]);
    check.run(["config", "check"].iter().chain(arguments)).await;
}

#[tokio::test]
async fn the_examples_are_right() {
    let files = fs::read_dir(deploy().join("examples")).expect("a directory of the repository");
    let paths = files.map(|file| file.expect("its entries").path());
    let (mut checked, examples) = (
        0,
        paths.filter(|path| path.extension() == Some("yaml".as_ref())),
    );
    for example in examples {
        expect_right(&[], &["--config", &example.to_string_lossy()]).await;
        checked += 1;
    }
    assert!(checked >= 6, "{checked} examples were found");
}

#[tokio::test]
async fn the_environment_of_the_pods_in_compose_is_right() {
    let (compose, settings) = (read("compose/compose.yaml"), read("compose/.env.example"));
    let (_, rest) = compose
        .split_once("\n  environment:\n")
        .expect("what the pods have in common");
    let lines = rest.lines().take_while(|line| line.starts_with("    "));
    let lines = lines.map(str::trim).filter(|line| !line.starts_with('#'));
    let variables: Vec<String> = lines
        .map(|line| line.split_once(": ").expect("a name and a value"))
        .map(|(name, value)| format!("{name}={}", filled(value, &settings)))
        .collect();
    assert!(variables.len() > 6, "{variables:?}");
    expect_right(&variables, &[]).await;
}

/// With `${NAME:?…}` replaced by what the settings say; those that are empty there are secrets.
fn filled(text: &str, settings: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else {
        return text.to_owned();
    };
    let (variable, after) = rest.split_once('}').expect("an end of the variable");
    let name = variable.split(':').next().unwrap_or(variable);
    let given = |line: &str| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned());
    let value = settings.lines().find_map(given);
    let value = value.unwrap_or_else(|| panic!("{name} is not in .env.example"));
    let value = if value.is_empty() { "secret" } else { &value };
    format!("{before}{value}{}", filled(after, settings))
}

/// Two pods, and before them nginx with the configuration of compose, on ports and names of this machine.
struct Site {
    pods: Vec<TestRegistry>,
    certificates: Certificates,
    directory: TempDir,
    registry: String,
    blobs: String,
    bucket: String,
    // Ends before its directory does.
    _nginx: Daemon,
}

impl Site {
    async fn start() -> Self {
        let (storage, mut stores) = (SeaweedFs::shared().await, SharedStores::fresh().await);
        let [registry, blobs] = [(); 2].map(|()| free_port());
        let outside = format!("http://localhost:{}", storage.port());
        let proxied = format!("https://localhost:{blobs}");
        stores.storage_url = replaced(&stores.storage_url, &outside, &proxied);
        let bucket = stores.storage_url.trim_start_matches("s3://");
        let bucket = bucket.split('?').next().unwrap_or_default().to_owned();
        let mut pods = Vec::new();
        for _ in 0..2 {
            pods.push(Builder::new(Backend::Shared).stores(&stores).start().await);
        }

        let certificates = Certificates::generate("localhost").await;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().display();
        let mut configuration = read("compose/nginx.conf");
        for (from, to) in [
            (" /tmp/", format!(" {path}/")),
            // Debian's nginx resolves names once only.
            ("berth-1:5000 resolve", pods[0].address().to_string()),
            ("berth-2:5000 resolve", pods[1].address().to_string()),
            (
                "seaweedfs:8333 resolve",
                format!("127.0.0.1:{}", storage.port()),
            ),
            ("listen 8443", format!("listen 127.0.0.1:{registry}")),
            ("listen 8444", format!("listen 127.0.0.1:{blobs}")),
            ("/berth/", format!("/{bucket}/")),
            (
                "/etc/nginx/tls.crt",
                certificates.certificate().display().to_string(),
            ),
            (
                "/etc/nginx/tls.key",
                certificates.private_key().display().to_string(),
            ),
        ] {
            configuration = replaced(&configuration, from, &to);
        }
        let file = directory.path().join("nginx.conf");
        fs::write(&file, configuration).expect("a file is written");
        let nginx = Tool::new("nginx").arguments(["-e", "stderr", "-g", "daemon off;", "-c"]);
        let mut nginx = nginx.start([&file], &directory.path().join("log"));
        let site = format!("https://localhost:{registry}");
        let probe = format!("-ksSf {site}/v2/");
        nginx.wait_for(&Tool::new("curl"), &probe).await;
        Self {
            pods,
            certificates,
            directory,
            registry: site,
            blobs: proxied,
            bucket,
            _nginx: nginx,
        }
    }

    /// Asks for a URL and says what `format` says of the answer.
    async fn curl(&self, format: &str, arguments: &[&str]) -> String {
        let authority = self.certificates.authority();
        let curl = Tool::new("curl").arguments(["-sS", "-o", "answer", "--cacert"]);
        let curl = curl.arguments([authority]).arguments(["-w", format]);
        let curl = curl.current_directory(self.directory.path());
        curl.run(arguments).await.stdout
    }
}

/// With all of `from` replaced, of which there must be some.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in:\n{text}");
    text.replace(from, to)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

#[tokio::test]
async fn the_proxy_of_compose_passes_pushes_on_and_lets_signed_downloads_through() {
    const STATUS: &str = "%{http_code}";
    let site = Site::start().await;
    let blob = Blob::random(3_000_000);
    fs::write(site.directory.path().join("blob"), &blob.bytes).expect("a file is written");

    let begin = format!(
        "{}/v2/team/app/blobs/uploads/?digest={}",
        site.registry, blob.digest
    );
    let push = ["-X", "POST", "--data-binary", "@blob", &begin];
    assert_eq!(site.curl(STATUS, &push).await, "201");
    let url = format!("{}/v2/team/app/blobs/{}", site.registry, blob.digest);
    let signed = site.curl("%{redirect_url}", &[&url]).await;
    assert!(signed.starts_with(&site.blobs), "{signed}");
    // Clients may send the registry's credentials along.
    let login = "Authorization: Bearer of-the-registry";
    assert_eq!(site.curl(STATUS, &["-H", login, &signed]).await, "200");
    let pulled = fs::read(site.directory.path().join("answer")).expect("what was pulled");
    assert!(pulled == blob.bytes, "other bytes came back");

    let object = signed.split('?').next().unwrap_or_default();
    let list = format!("{}/{}/", site.blobs, site.bucket);
    let root = format!("{}/", site.blobs);
    for (status, arguments) in [
        ("403", ["-X", "GET", object]),
        ("403", ["-X", "PUT", &signed]),
        ("403", ["-X", "DELETE", &signed]),
        ("403", ["-X", "GET", &list]),
        ("404", ["-X", "GET", &root]),
    ] {
        assert_eq!(site.curl(STATUS, &arguments).await, status, "{arguments:?}");
    }
    for pod in &site.pods {
        let answered = pod.metrics().await.sum("registry_http_requests_total");
        assert!(answered > 0.0, "a pod was never asked");
    }
}
