//! HTTP/2 frames, written by hand: floods that cost the client nothing. See RFC 9113.

use std::time::Duration;

use berth_tests::{TestRegistry, content::sha256, for_each_backend};

const LIMIT: Duration = Duration::from_mins(1);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .expect("a short payload")
        .to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The head of a request, in indexed and literal fields of HPACK's static table.
fn head(method: u8, path: &str) -> Vec<u8> {
    let mut block = vec![method, 0x86];
    for (index, value) in [(0x04, path), (0x01, "x")] {
        block.extend([index, u8::try_from(value.len()).expect("a short value")]);
        block.extend(value.as_bytes());
    }
    block
}

const GET: u8 = 0x82;
const POST: u8 = 0x83;

/// Splits what a server sent into the kinds of its frames.
fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [high, middle, low, kind, ..] = *bytes {
        kinds.push(kind);
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        bytes = bytes.get(9 + length..).unwrap_or_default();
    }
    kinds
}

/// Streams that are opened and reset at once: each would start work that nobody waits for.
fn rapid_resets() -> impl Iterator<Item = Vec<u8>> {
    let streams = (0..20_000_u32).map(|number| number * 2 + 1);
    streams.map(|stream| {
        [
            frame(
                HEADERS,
                END_STREAM | END_HEADERS,
                stream,
                &head(GET, "/v2/"),
            ),
            frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()),
        ]
        .concat()
    })
}

/// A head that never ends.
fn endless_continuations() -> impl Iterator<Item = Vec<u8>> {
    let open = frame(HEADERS, END_STREAM, 1, &head(GET, "/v2/"));
    let more = frame(
        CONTINUATION,
        0,
        1,
        &[&[0x40, 0x01, b'a', 0x7f, 0x81, 0x7e][..], &vec![b'b'; 256]].concat(),
    );
    std::iter::once(open).chain(std::iter::repeat_n(more, 20_000))
}

async fn expect_end(registry: &TestRegistry, name: &str, flood: impl Iterator<Item = Vec<u8>>) {
    let mut connection = registry.connect().await;
    connection
        .send([PREFACE, &frame(SETTINGS, 0, 0, &[])].concat())
        .await;
    connection.send_all(flood).await;
    let rest = connection
        .rest(LIMIT)
        .await
        .unwrap_or_else(|| panic!("{name}: the connection stays open"));
    // A server that has closed already may have lost its last words.
    let kinds = kinds(&rest);
    assert!(
        rest.is_empty() || kinds.contains(&GOAWAY),
        "{name}: closed without a word: {kinds:?}"
    );
    registry
        .client()
        .get("/v2/")
        .send()
        .await
        .expect_status(200);
}

#[tokio::test]
async fn floods_are_ended_and_others_are_served() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        expect_end(&registry, "rapid resets", rapid_resets()).await;
        expect_end(&registry, "endless continuations", endless_continuations()).await;
    })
    .await;
}

#[tokio::test]
async fn more_streams_than_allowed_are_refused_one_by_one() {
    for_each_backend(async |builder| {
        let registry = builder.start().await;
        let mut connection = registry.connect().await;
        connection
            .send([PREFACE, &frame(SETTINGS, 0, 0, &[])].concat())
            .await;
        // Uploads whose body never comes, two thousand of them: the server allows a few hundred.
        let path = format!("/v2/team/app/blobs/uploads/?digest={}", sha256(b"x"));
        let streams = (0..2_000_u32)
            .map(|number| frame(HEADERS, END_HEADERS, number * 2 + 1, &head(POST, &path)));
        connection.send_all(streams).await;
        let kinds = kinds(&connection.some(Duration::from_secs(5)).await);
        assert!(
            kinds.contains(&RST_STREAM) || kinds.contains(&GOAWAY),
            "nothing was refused: {} frames",
            kinds.len()
        );
        registry
            .client()
            .get("/v2/")
            .send()
            .await
            .expect_status(200);
    })
    .await;
}
