//! A request's body out of slices that stay where they are, and that can be sent again.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_smithy_checksums::ChecksumAlgorithm;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// Slices on their way.
struct Slices {
    slices: VecDeque<Bytes>,
    length: u64,
}

impl Slices {
    fn new(slices: &[Bytes]) -> Self {
        Self {
            slices: slices
                .iter()
                .filter(|slice| !slice.is_empty())
                .cloned()
                .collect(),
            length: length(slices),
        }
    }
}

impl Body for Slices {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let slice = self.slices.pop_front();
        if let Some(slice) = &slice {
            self.length -= slice.len() as u64;
        }
        Poll::Ready(slice.map(|slice| Ok(Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.slices.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

/// How many bytes there are.
pub(in crate::s3) fn length(slices: &[Bytes]) -> u64 {
    slices.iter().map(|slice| slice.len() as u64).sum()
}

/// The slices as a body. As the SDK cannot look into it, it does not hash it for the signature
/// either: the bytes were hashed on their way in, and TLS guards their way out, or a checksum where there
/// is none.
pub(super) fn stream(slices: Vec<Bytes>) -> ByteStream {
    if slices.iter().all(Bytes::is_empty) {
        return ByteStream::new(SdkBody::empty());
    }
    ByteStream::new(SdkBody::retryable(move || {
        SdkBody::from_body_1_x(Slices::new(&slices))
    }))
}

/// The checksum that every S3 knows, in base64.
pub(super) fn crc32(slices: &[Bytes]) -> Option<String> {
    let mut checksum = ChecksumAlgorithm::Crc32.into_impl();
    for slice in slices {
        checksum.update(slice);
    }
    checksum.header_value().to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slices() -> Vec<Bytes> {
        vec![
            Bytes::from_static(b"1234"),
            Bytes::new(),
            Bytes::from_static(b"56789"),
        ]
    }

    #[tokio::test]
    async fn a_body_can_be_sent_again_and_knows_its_length() {
        let body = stream(slices()).into_inner();
        assert_eq!(body.content_length(), Some(9));
        assert!(body.bytes().is_none(), "nobody hashes it");
        let again = body.try_clone().unwrap();
        for body in [body, again] {
            let bytes = ByteStream::new(body).collect().await.unwrap();
            assert_eq!(bytes.into_bytes(), b"123456789"[..]);
        }
        let empty = stream(vec![Bytes::new()]).into_inner();
        assert_eq!(empty.content_length(), Some(0));
    }

    #[test]
    fn the_checksum_is_the_well_known_one() {
        // 0xcbf43926 is the CRC-32 of these digits.
        assert_eq!(crc32(&slices()).unwrap(), "y/Q5Jg==");
    }
}
