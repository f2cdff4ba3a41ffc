//! Resumable SHA-256 and SHA-512 at the best rate of the CPU.
//!
//! An upload is hashed while it streams in, may be interrupted by a restart, and is
//! then hashed on from where it was: so the state between two bytes is a value,
//! [`HashState`], that can be stored. It has one form, whichever [`Engine`] made it.
//!
//! Padding and bookkeeping are written here, in safe code. Only the compression of
//! whole blocks is handed to an engine. This is the one crate of the workspace that
//! may use `unsafe`, in `engine.rs` alone; it must do nothing but hash.

mod engine;
mod hasher;
mod state;
mod words;

pub use engine::{Engine, engine};
pub use hasher::{Hasher, digest};
pub use state::{HashState, HashStateError};
