//! HTTP/2 frame by frame, for clients that no library would be. It keeps no windows and sends
//! nothing by itself.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{RunningServer, within};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;

/// `END_STREAM` and `END_HEADERS`.
pub(crate) const WHOLE_REQUEST: u8 = 0x5;
const END_STREAM: u8 = 0x1;
const SETTINGS_INITIAL_WINDOW_SIZE: u8 = 4;

/// A frame that came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// A connection that sends frames as it is told.
pub(crate) struct FrameClient(TcpStream);

impl FrameClient {
    /// Opens a connection whose streams have a window of this size.
    pub(crate) async fn open(server: &RunningServer, window: u32) -> Self {
        let mut client = Self(TcpStream::connect(server.address).await.unwrap());
        let preface = within(client.0.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        preface.await.unwrap();
        client.set_stream_windows(window).await;
        client
    }

    pub(crate) async fn set_stream_windows(&mut self, window: u32) {
        let mut setting = vec![0, SETTINGS_INITIAL_WINDOW_SIZE];
        setting.extend(window.to_be_bytes());
        assert!(self.send(SETTINGS, 0, 0, &setting).await);
    }

    /// Whether the connection took the frame.
    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let bytes = frame(kind, flags, stream, payload);
        within(self.0.write_all(&bytes)).await.is_ok()
    }

    /// Asks for a path on a new stream, and says whether the connection took that.
    pub(crate) async fn get(&mut self, stream: u32, path: &str) -> bool {
        // :method GET, :scheme http, :authority x and :path, by RFC 7541's static table.
        let mut block = vec![0x82, 0x86, 0x01, 1, b'x', 0x04];
        block.push(u8::try_from(path.len()).unwrap());
        block.extend(path.as_bytes());
        self.send(HEADERS, WHOLE_REQUEST, stream, &block).await
    }

    /// The next frame, or nothing once the server has closed or reset the connection.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        within(self.0.read_exact(&mut head)).await.ok()?;
        let [high, middle, low, kind, flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, high, middle, low]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        within(self.0.read_exact(&mut payload)).await.ok()?;
        Some(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            payload,
        })
    }

    /// The data of a stream up to its end, with the code of the reset that ended it, if one did.
    pub(crate) async fn until_end_of(&mut self, stream: u32) -> (Vec<u8>, Option<u8>) {
        let mut data = Vec::new();
        loop {
            let frame = self.next().await.expect("closed within a stream");
            if frame.stream != stream {
                continue;
            }
            match frame.kind {
                RST_STREAM => return (data, frame.payload.last().copied()),
                DATA => data.extend(frame.payload),
                _ => {}
            }
            if frame.flags & END_STREAM != 0 {
                return (data, None);
            }
        }
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}
