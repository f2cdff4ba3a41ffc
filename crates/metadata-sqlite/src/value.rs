//! What goes into SQLite and comes out of it: values, and rows of them. What they mean is told in
//! `rows`.

use bytes::Bytes;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Error, ToSql};

/// What a column holds or a parameter brings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Blob(Bytes),
}

/// A row of an answer.
#[derive(Debug)]
pub(crate) struct Row(Vec<Value>);

/// A type that a column is read as.
pub(crate) trait Column<'r>: Sized {
    /// `None` if the value is none of this type.
    fn read(value: &'r Value) -> Option<Self>;
}

impl<'r> Column<'r> for i64 {
    fn read(value: &'r Value) -> Option<Self> {
        match value {
            Value::Integer(number) => Some(*number),
            Value::Null | Value::Text(_) | Value::Blob(_) => None,
        }
    }
}

impl<'r> Column<'r> for bool {
    fn read(value: &'r Value) -> Option<Self> {
        i64::read(value).map(|number| number != 0)
    }
}

impl<'r> Column<'r> for &'r str {
    fn read(value: &'r Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Integer(_) | Value::Blob(_) => None,
        }
    }
}

impl<'r> Column<'r> for &'r Bytes {
    fn read(value: &'r Value) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes),
            Value::Null | Value::Integer(_) | Value::Text(_) => None,
        }
    }
}

impl<'r> Column<'r> for &'r [u8] {
    fn read(value: &'r Value) -> Option<Self> {
        <&Bytes>::read(value).map(|bytes| &bytes[..])
    }
}

impl<'r, T: Column<'r>> Column<'r> for Option<T> {
    fn read(value: &'r Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::read(value).map(Some),
        }
    }
}

impl Row {
    /// Takes over the columns of the row that a statement stands at.
    pub(crate) fn of(row: &rusqlite::Row<'_>, columns: usize) -> rusqlite::Result<Self> {
        let value = |column| {
            let value = row.get_ref(column)?;
            let foreign = || Error::InvalidColumnType(column, String::new(), value.data_type());
            Value::of(value).ok_or_else(foreign)
        };
        (0..columns).map(value).collect::<Result<_, _>>().map(Self)
    }

    /// A column; `None` if there is none of this type.
    pub(crate) fn column<'r, T: Column<'r>>(&'r self, column: usize) -> Option<T> {
        self.0.get(column).and_then(T::read)
    }
}

impl Value {
    /// `None` for what no column of ours holds: fractions, and text that is not UTF-8.
    fn of(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Null => Some(Self::Null),
            ValueRef::Integer(number) => Some(Self::Integer(number)),
            ValueRef::Real(_) => None,
            ValueRef::Text(text) => Some(Self::Text(std::str::from_utf8(text).ok()?.to_owned())),
            ValueRef::Blob(bytes) => Some(Self::Blob(Bytes::copy_from_slice(bytes))),
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Blob(Bytes::copy_from_slice(bytes))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes.into())
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Blob(bytes)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
