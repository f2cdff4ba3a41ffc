//! A client of HTTP and of S3: curl, which can sign.

use std::process::{Output, Stdio};

use tokio::{io::AsyncWriteExt, process::Command};

/// What curl saw.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The status, 0 without an answer.
    pub(crate) status: u16,
    /// The body, as far as it came.
    pub(crate) body: String,
    /// How curl ended: 7 refused, 18 body cut off, 52 no answer, 56 reset.
    pub(crate) code: i32,
    /// The value of `X-Upstream`.
    pub(crate) upstream: String,
}

/// A server's S3 endpoint with a user of it.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) endpoint: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) region: String,
}

impl Account {
    /// Sends a signed request.
    pub(crate) async fn request(&self, method: &str, target: &str, body: &str) -> Seen {
        let signature = format!("aws:amz:{}:s3", self.region);
        let user = format!("{}:{}", self.access_key, self.secret_key);
        let url = format!("{}/{target}", self.endpoint);
        let signed = ["--aws-sigv4", &signature, "--user", &user, "-X", method];
        let mut arguments = signed.to_vec();
        arguments.extend(["-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]);
        if !body.is_empty() {
            arguments.extend(["-H", "content-type: text/plain", "--data-binary", "@-"]);
        }
        arguments.push(&url);
        run(&arguments, body).await
    }
}

/// Runs curl with these arguments.
pub(crate) async fn curl(arguments: &[&str]) -> Seen {
    run(arguments, "").await
}

async fn run(arguments: &[&str], input: &str) -> Seen {
    let mut child = Command::new("curl")
        .args(["-s", "--max-time", "60", "-w"])
        .arg("\n%{http_code} %header{x-upstream}")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl starts");
    let mut stdin = child.stdin.take().expect("its input");
    // It reads all of its input before it sends anything.
    stdin.write_all(input.as_bytes()).await.expect("curl reads");
    drop(stdin);
    seen(&child.wait_with_output().await.expect("curl ends"))
}

fn seen(output: &Output) -> Seen {
    let printed = String::from_utf8_lossy(&output.stdout);
    let (body, summary) = printed.rsplit_once('\n').expect("curl prints a summary");
    let (status, upstream) = summary.split_once(' ').expect("two words");
    Seen {
        status: status.parse().expect("a status"),
        body: body.to_owned(),
        code: output.status.code().expect("curl ends by itself"),
        upstream: upstream.to_owned(),
    }
}
