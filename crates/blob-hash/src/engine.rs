//! Who compresses blocks: the sha2 crate or aws-lc, picked by what the CPU has.
//!
//! Both are right everywhere; they differ in speed. The sha2 crate needs the CPU's
//! own SHA instructions to be fast, and saves a call into C where it has them. aws-lc
//! has assembly for CPUs without: for SHA-512 on x86-64, where the sha2 crate has AVX2
//! code, it was still a tenth faster or more when measured.

use std::fmt;

use oci_types::Algorithm;

/// Block size of SHA-256.
pub(crate) const BLOCK_256: usize = 64;
/// Block size of SHA-512.
pub(crate) const BLOCK_512: usize = 128;

/// An implementation of the compression function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The sha2 crate, on the CPU's SHA instructions.
    Sha2,
    /// aws-lc's assembly.
    AwsLc,
}

impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sha2 => "sha2",
            Self::AwsLc => "aws-lc",
        })
    }
}

/// The engine this CPU gets. The standard library remembers what it detected.
pub fn engine(algorithm: Algorithm) -> Engine {
    let instructions = match algorithm {
        Algorithm::Sha256 => has_sha256_instructions(),
        Algorithm::Sha512 => has_sha512_instructions(),
    };
    if instructions {
        Engine::Sha2
    } else {
        Engine::AwsLc
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn has_sha256_instructions() -> bool {
    use std::arch::is_x86_feature_detected;
    is_x86_feature_detected!("sha")
        && is_x86_feature_detected!("ssse3")
        && is_x86_feature_detected!("sse4.1")
}

#[cfg(target_arch = "aarch64")]
fn has_sha256_instructions() -> bool {
    std::arch::is_aarch64_feature_detected!("sha2")
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
fn has_sha256_instructions() -> bool {
    false
}

// The extension is called SHA512 by Arm and is part of the feature "sha3".
#[cfg(target_arch = "aarch64")]
fn has_sha512_instructions() -> bool {
    std::arch::is_aarch64_feature_detected!("sha3")
}

// The sha2 crate does not use the SHA-512 instructions of the newest x86 CPUs.
#[cfg(not(target_arch = "aarch64"))]
fn has_sha512_instructions() -> bool {
    false
}

impl Engine {
    pub(crate) fn compress_256(self, words: &mut [u32; 8], blocks: &[[u8; BLOCK_256]]) {
        match self {
            Self::Sha2 => sha2::block_api::compress256(words, blocks),
            Self::AwsLc => aws_lc_256(words, blocks),
        }
    }

    pub(crate) fn compress_512(self, words: &mut [u64; 8], blocks: &[[u8; BLOCK_512]]) {
        match self {
            Self::Sha2 => sha2::block_api::compress512(words, blocks),
            Self::AwsLc => aws_lc_512(words, blocks),
        }
    }
}

fn aws_lc_256(words: &mut [u32; 8], blocks: &[[u8; BLOCK_256]]) {
    // The assembly counts down to zero, so it must not begin there.
    if blocks.is_empty() {
        return;
    }
    // SAFETY: the function reads and writes the eight words behind its first argument and reads
    // `blocks.len()` times 64 bytes behind its second; both slices live through the call, have
    // these very sizes, and do not overlap, since one is borrowed mutably. It keeps no pointer.
    unsafe {
        aws_lc_sys::SHA256_TransformBlocks(
            words.as_mut_ptr(),
            blocks.as_ptr().cast(),
            blocks.len(),
        );
    }
}

fn aws_lc_512(words: &mut [u64; 8], blocks: &[[u8; BLOCK_512]]) {
    // There is no SHA512_TransformBlocks. A context that buffers nothing (`num` 0) and is fed
    // whole blocks does the same: it compresses them into `h` and buffers nothing again.
    let mut context = aws_lc_sys::SHA512_CTX {
        h: *words,
        Nl: 0,
        Nh: 0,
        p: [0; BLOCK_512],
        num: 0,
        md_len: 64,
    };
    let bytes = blocks.as_flattened();
    // SAFETY: `context` is a whole, initialised SHA512_CTX in the state described above, and the
    // function reads `bytes.len()` bytes behind its second argument; both live through the call
    // and it keeps no pointer. It cannot fail: its result is always 1.
    unsafe {
        aws_lc_sys::SHA512_Update(&raw mut context, bytes.as_ptr().cast(), bytes.len());
    }
    *words = context.h;
}
