//! The shape of a row, and how rows are run: all of a table against one registry that holds a little of everything.

use std::time::Duration;

use berth_tests::{
    Backend, Blob, Document, Repository, TestRegistry,
    content::IMAGE,
    raw::{RawConnection, RawResponse},
    registry::Builder,
    snapshot::Snapshot,
};
use serde_json::Value;

/// How long an answer may take before it counts as none.
const LIMIT: Duration = Duration::from_secs(30);

/// The repository that rows speak of.
pub(crate) const REPOSITORY: &str = "team/app";

/// What must have become of the upload session of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Session {
    /// It is where it was, and goes on.
    Lives,
    /// It is gone.
    Ends,
}

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    name: String,
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    status: u16,
    code: Option<&'static str>,
    session: Session,
}

impl Case {
    /// A request, which is sent exactly so. `{session}` in the target is a fresh upload session of the repository that
    /// has its first hundred bytes, `{id}` is its identifier alone.
    pub(crate) fn new(name: &str, method: &'static str, target: impl Into<String>) -> Self {
        let (name, target) = (name.to_owned(), target.into());
        Self {
            name,
            method,
            target,
            headers: Vec::new(),
            body: Vec::new(),
            status: 0,
            code: None,
            session: Session::Lives,
        }
    }

    /// A manifest under a tag of the repository.
    pub(crate) fn manifest(name: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(name, "PUT", format!("/v2/{REPOSITORY}/manifests/new"))
            .header("Content-Type", IMAGE)
            .body(body)
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(present, _)| present != name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sends it elsewhere.
    pub(crate) fn at(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(present, _)| present != name);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The status and the code of the refusal.
    pub(crate) fn refused(mut self, status: u16, code: &'static str) -> Self {
        (self.status, self.code) = (status, Some(code));
        self
    }

    /// The status alone, where the specification names no code that fits.
    pub(crate) fn answered(mut self, status: u16) -> Self {
        (self.status, self.code) = (status, None);
        self
    }

    /// The session that the row speaks of is ended by it.
    pub(crate) fn ends_session(mut self) -> Self {
        self.session = Session::Ends;
        self
    }

    fn bytes(&self, location: &str) -> Vec<u8> {
        let id = location
            .rsplit('/')
            .next()
            .and_then(|last| last.split('?').next())
            .expect("an identifier");
        let target = self
            .target
            .replace("{session}", location)
            .replace("{id}", id);
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let (method, headers, length) = (self.method, headers.concat(), self.body.len());
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: registry.test\r\n{headers}Content-Length: {length}\r\n\r\n"
        );
        [head.into_bytes(), self.body.clone()].concat()
    }

    fn speaks_of_session(&self) -> bool {
        self.target.contains("{session}") || self.target.contains("{id}")
    }
}

/// A registry that holds an image under a tag, an index over it, a loose blob, and a second repository.
pub(crate) struct World {
    pub(crate) registry: TestRegistry,
    pub(crate) repository: Repository,
    pub(crate) image: Document,
    pub(crate) blob: Blob,
}

impl World {
    pub(crate) async fn new(builder: Builder) -> Self {
        let registry = builder.start().await;
        let repository = registry.repository(REPOSITORY);
        let (image, blob) = (Document::image(2), Blob::random(1000));
        repository.push("1", &image).await;
        repository.push("index", &Document::index([&image])).await;
        repository.push_blob(&blob).await;
        registry
            .repository("team/other")
            .push("1", &Document::image(1))
            .await;
        Self {
            registry,
            repository,
            image,
            blob,
        }
    }

    /// The store as clients see it, after asserting that all contents can be read.
    pub(crate) async fn snapshot(&self) -> Snapshot {
        self.repository.expect_manifest("1", &self.image).await;
        self.repository.expect_blob(&self.blob).await;
        self.registry.snapshot().await
    }
}

/// Runs a table on every pair of backends.
pub(crate) async fn run(table: impl Fn(&World) -> Vec<Case>) {
    for backend in Backend::ALL {
        let world = World::new(Builder::new(backend)).await;
        for case in table(&world) {
            run_one(&world, &case).await;
        }
    }
}

async fn run_one(world: &World, case: &Case) {
    let before = world.snapshot().await;
    let location = open_session(world, case).await;
    let mut connection = RawConnection::open(world.registry.address()).await;
    connection.send(case.bytes(&location)).await;
    let answer = connection.response(LIMIT).await;
    let answer = answer.unwrap_or_else(|| panic!("{}: no answer", case.name));
    expect_refusal(case, &answer);
    close_session(world, case, &location).await;
    assert_eq!(
        world.snapshot().await,
        before,
        "{}: the store is not what it was",
        case.name
    );
}

async fn open_session(world: &World, case: &Case) -> String {
    if !case.speaks_of_session() {
        return "/".to_owned();
    }
    let location = world.repository.start_upload().await;
    world
        .repository
        .patch_range(&location, 0, &[5; 100])
        .send()
        .await
        .expect_status(202)
        .location()
}

async fn close_session(world: &World, case: &Case, location: &str) {
    if !case.speaks_of_session() {
        return;
    }
    let client = world.repository.client();
    let status = client.get(location).send().await;
    match case.session {
        Session::Lives => {
            assert_eq!(
                status.status(),
                204,
                "{}: the session should go on: {status:?}",
                case.name
            );
            assert_eq!(
                status.header("range"),
                Some("0-99"),
                "{}: the session has moved",
                case.name
            );
            client.delete(location).send().await.expect_status(204);
        }
        Session::Ends => {
            assert_eq!(
                status.status(),
                404,
                "{}: the session should be gone: {status:?}",
                case.name
            );
        }
    }
}

fn expect_refusal(case: &Case, answer: &RawResponse) {
    let body = String::from_utf8_lossy(&answer.body);
    let shown = format!("{}:\n{}{body}", case.name, answer.head);
    assert_eq!(answer.status, case.status, "{shown}");
    let Some(code) = case.code else { return };
    let errors: Value =
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {shown}"));
    assert_eq!(errors["errors"][0]["code"], code, "{shown}");
    assert!(
        errors["errors"][0]["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{shown}"
    );
}
