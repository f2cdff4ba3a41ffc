//! Free ports of the loopback, for programs that must be told theirs before they start.

use std::{
    net::TcpListener,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// Below the range from which the kernel takes the ports of outgoing connections: one of those could otherwise be given
/// a server's port while the server is restarted.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// Test processes side by side begin this far from each other, which is more than one of them uses.
const STRIDE: u32 = 97;

/// A port on which nothing listens, and which no other call in this process gets.
pub(crate) fn free() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    for _ in 0..COUNT {
        let taken = TAKEN.fetch_add(1, Ordering::Relaxed);
        let offset = process::id().wrapping_mul(STRIDE).wrapping_add(taken) % COUNT;
        let port = u16::try_from(FIRST + offset).expect("the range ends below 65536");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!(
        "no free port between {FIRST} and {}: what listens on all of them?",
        FIRST + COUNT
    );
}
