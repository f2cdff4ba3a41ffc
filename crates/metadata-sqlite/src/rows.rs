//! Values as they lie in columns: how ours are written, and how they are read back. Whatever
//! does not read back as what was written is a fault, never a default.

use std::str::FromStr;

use blob_hash::HashState;
use bytes::Bytes;
use oci_types::{Algorithm, Digest, MediaType};
use registry_core::ports::{MetadataError, StorageKey};
use uuid::Uuid;

use crate::error::ForeignValue;
use crate::value::{Column, Row};

/// A column of a row as a plain value.
pub(crate) fn value<'r, T: Column<'r>>(row: &'r Row, column: usize) -> Result<T, MetadataError> {
    row.column(column).ok_or_else(|| {
        let cause = "it has another type".into();
        ForeignValue { column, cause }.into()
    })
}

/// A column of a row as one of our types; NULL is an error.
pub(crate) fn parsed<'r, T, V>(
    row: &'r Row,
    column: usize,
    parse: impl FnOnce(T) -> Parsed<V>,
) -> Result<V, MetadataError>
where
    T: Column<'r>,
{
    parse(value(row, column)?).map_err(|cause| ForeignValue { column, cause }.into())
}

/// The same for a column that may be NULL.
pub(crate) fn optional<'r, T, V>(
    row: &'r Row,
    column: usize,
    parse: impl FnOnce(T) -> Parsed<V>,
) -> Result<Option<V>, MetadataError>
where
    T: Column<'r>,
{
    let Some(value) = value::<Option<T>>(row, column)? else {
        return Ok(None);
    };
    parse(value)
        .map(Some)
        .map_err(|cause| ForeignValue { column, cause }.into())
}

/// What a parser of a column answers.
pub(crate) type Parsed<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

pub(crate) fn digest(bytes: &[u8]) -> Parsed<Digest> {
    Ok(Digest::from_bytes(bytes)?)
}

pub(crate) fn media_type(text: &str) -> Parsed<MediaType> {
    Ok(text.parse()?)
}

pub(crate) fn size(number: i64) -> Parsed<u64> {
    Ok(u64::try_from(number)?)
}

pub(crate) fn storage_key(bytes: &[u8]) -> Parsed<StorageKey> {
    Ok(StorageKey::from_bytes(bytes)?)
}

/// The session of an object, as the blob store knows it.
pub(crate) fn object(bytes: &[u8]) -> Parsed<Uuid> {
    Ok(Uuid::from_slice(bytes)?)
}

/// A column that only whoever wrote it can read.
pub(crate) fn opaque(row: &Row, column: usize) -> Result<Bytes, MetadataError> {
    value::<&[u8]>(row, column).map(Bytes::copy_from_slice)
}

pub(crate) fn algorithm(number: i64) -> Parsed<Algorithm> {
    match number {
        1 => Ok(Algorithm::Sha256),
        2 => Ok(Algorithm::Sha512),
        other => Err(format!("{other} is no hash algorithm").into()),
    }
}

/// The number of an algorithm, as the first byte of a digest.
pub(crate) fn algorithm_number(algorithm: Algorithm) -> i64 {
    match algorithm {
        Algorithm::Sha256 => 1,
        Algorithm::Sha512 => 2,
    }
}

/// A size as SQLite keeps it. No blob reaches 2^63 bytes, so one that claims to is kept as the
/// largest there is.
pub(crate) fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Digests for a parameter that `json_each` takes apart and `unhex` reads.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// A JSON array of strings, for `json_each`.
pub(crate) fn json_array<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items = items
        .into_iter()
        .map(|item| serde_json::Value::from(item.as_ref()));
    serde_json::Value::Array(items.collect()).to_string()
}

/// The lines of a column, which is NULL when there are none.
pub(crate) fn names<T>(row: &Row, column: usize) -> Result<Vec<T>, MetadataError>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let lines = |text: &str| text.lines().map(|name| Ok(name.parse()?)).collect();
    Ok(optional(row, column, lines)?.unwrap_or_default())
}

pub(crate) fn hash_state(bytes: &[u8]) -> Parsed<HashState> {
    Ok(HashState::from_bytes(bytes.to_vec())?)
}
