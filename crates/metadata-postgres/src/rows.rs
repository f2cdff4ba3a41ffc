//! Values as they lie in columns: how ours are written, and how they are read back. Whatever
//! does not read back as what was written is a fault, never a default.

use std::str::FromStr;

use blob_hash::HashState;
use oci_types::{Algorithm, Digest, MediaType};
use registry_core::ports::StorageKey;
use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row as _, Type};

use crate::error::ForeignValue;

/// What reading a row answers.
pub(crate) type Reading<T> = Result<T, ForeignValue>;

/// What a parser of a column answers.
pub(crate) type Parsed<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A column of a row as a plain value.
pub(crate) fn value<'r, T>(row: &'r PgRow, column: usize) -> Reading<T>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    row.try_get(column).map_err(|error| ForeignValue {
        column,
        cause: error.into(),
    })
}

/// A column of a row as one of our types; NULL is an error.
pub(crate) fn parsed<'r, T, V>(
    row: &'r PgRow,
    column: usize,
    parse: impl FnOnce(T) -> Parsed<V>,
) -> Reading<V>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    parse(value(row, column)?).map_err(|cause| ForeignValue { column, cause })
}

/// The same for a column that may be NULL.
pub(crate) fn optional<'r, T, V>(
    row: &'r PgRow,
    column: usize,
    parse: impl FnOnce(T) -> Parsed<V>,
) -> Reading<Option<V>>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    let value: Option<T> = value(row, column)?;
    value
        .map(parse)
        .transpose()
        .map_err(|cause| ForeignValue { column, cause })
}

/// The elements of an array, each read by the same parser.
pub(crate) fn list<'r, T, V>(
    row: &'r PgRow,
    column: usize,
    parse: impl FnMut(T) -> Parsed<V>,
) -> Reading<Vec<V>>
where
    Vec<T>: Decode<'r, Postgres> + Type<Postgres>,
{
    parsed(row, column, |values: Vec<T>| {
        values.into_iter().map(parse).collect()
    })
}

/// An array of names of any kind: of tags, of repositories.
pub(crate) fn names<T>(row: &PgRow, column: usize) -> Reading<Vec<T>>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    list(row, column, |text: String| Ok(text.parse()?))
}

/// An array of digests.
pub(crate) fn digests(row: &PgRow, column: usize) -> Reading<Vec<Digest>> {
    list(row, column, |bytes: Vec<u8>| digest(&bytes))
}

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

pub(crate) fn algorithm(number: i16) -> Parsed<Algorithm> {
    match number {
        1 => Ok(Algorithm::Sha256),
        2 => Ok(Algorithm::Sha512),
        other => Err(format!("{other} is no hash algorithm").into()),
    }
}

/// The number of an algorithm, as the first byte of a digest.
pub(crate) fn algorithm_number(algorithm: Algorithm) -> i16 {
    match algorithm {
        Algorithm::Sha256 => 1,
        Algorithm::Sha512 => 2,
    }
}

pub(crate) fn hash_state(bytes: &[u8]) -> Parsed<HashState> {
    Ok(HashState::from_bytes(bytes.to_vec())?)
}

/// A size as PostgreSQL keeps it. No blob reaches 2^63 bytes, so one that claims to is kept as the
/// largest there is.
pub(crate) fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
