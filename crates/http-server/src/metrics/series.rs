//! The few handles that a finished request touches, looked up by a key that needs no hashing of
//! strings: the address of the handler's name, the method and the status.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use http::{Method, StatusCode};
use prometheus::{Histogram, IntCounter};

/// The handles of one handler, method and status.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) requests: IntCounter,
    pub(super) duration: Histogram,
    pub(super) request_size: Histogram,
    pub(super) response_size: Histogram,
}

/// Identifies a [`Series`] without reading its name: the name's address and length, the method
/// and the status. Two equal names at different addresses are two keys for the same handles,
/// which is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    handler: (usize, usize),
    method: MethodLabel,
    status: u16,
}

impl Key {
    pub(super) fn new(handler: &'static str, method: MethodLabel, status: StatusCode) -> Self {
        Self {
            handler: (handler.as_ptr() as usize, handler.len()),
            method,
            status: status.as_u16(),
        }
    }
}

/// All series seen so far. Readers never wait; a new series copies the table, which happens once
/// for each of a few hundred combinations.
#[derive(Debug, Default)]
pub(super) struct SeriesTable {
    table: ArcSwap<HashMap<Key, Arc<Series>, BuildHasherDefault<KeyHasher>>>,
    growing: Mutex<()>,
}

impl SeriesTable {
    pub(super) fn with(
        &self,
        key: Key,
        make: impl FnOnce() -> Series,
        observe: impl FnOnce(&Series),
    ) {
        if let Some(series) = self.table.load().get(&key) {
            return observe(series);
        }
        let series = Arc::new(make());
        observe(&series);
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = HashMap::clone(&self.table.load());
        table.insert(key, series);
        self.table.store(Arc::new(table));
    }
}

/// Spreads a key over the table; addresses are not chosen by clients.
#[derive(Debug, Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// The `method` label: the methods that mean something, and one word for all others, so that
/// clients cannot make new series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum MethodLabel {
    Get,
    Head,
    Put,
    Post,
    Patch,
    Delete,
    Options,
    Other,
}

impl MethodLabel {
    pub(super) fn of(method: &Method) -> Self {
        match *method {
            Method::GET => Self::Get,
            Method::HEAD => Self::Head,
            Method::PUT => Self::Put,
            Method::POST => Self::Post,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            Method::OPTIONS => Self::Options,
            _ => Self::Other,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::Put => "put",
            Self::Post => "post",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::Options => "options",
            Self::Other => "other",
        }
    }
}
