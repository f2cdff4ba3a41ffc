//! The parts of an object that is put together when it is published. Stores that keep a session in
//! one file have none, and remember nothing: then nothing is asked here.

use registry_core::ports::{MetadataError, Part, Stored, UploadId};
use serde_json::json;

use crate::rows::{parsed, size, value};
use crate::statement::{Statement, statement};
use crate::value::Row;
use crate::writer::Transaction;

// A number comes again when its first holder died before it recorded the part.
pub(super) static RECORD: Statement = statement!(
    "upload_record_parts",
    "DELETE FROM upload_parts WHERE upload_id = $1 AND $2;
     INSERT INTO upload_parts (upload_id, number, size, tag)
     SELECT $1, value ->> 0, value ->> 1, value ->> 2 FROM json_each($3) WHERE true
     ON CONFLICT DO UPDATE SET size = excluded.size, tag = excluded.tag;"
);

pub(super) static LIST: Statement = statement!(
    "upload_list_parts",
    "SELECT number, size, tag FROM upload_parts WHERE upload_id = $1 ORDER BY number"
);

/// Records what the store said of a session whose lease was found in force.
pub(super) fn record(
    transaction: &mut Transaction,
    id: UploadId,
    stored: &Stored,
) -> Result<(), MetadataError> {
    if stored.parts.is_empty() && !stored.anew {
        return Ok(());
    }
    let part = |part: &Part| json!([part.number, part.size, part.tag]);
    let parts = serde_json::Value::Array(stored.parts.iter().map(part).collect());
    let record = RECORD
        .bind(id.0.as_bytes().as_slice())
        .bind(i64::from(stored.anew))
        .bind(parts.to_string());
    transaction.run(&record).map(drop)
}

/// All parts of a session of which the store remembers `state`.
pub(super) fn list(
    transaction: &mut Transaction,
    id: UploadId,
    state: &[u8],
) -> Result<Vec<Part>, MetadataError> {
    if state.is_empty() {
        return Ok(Vec::new());
    }
    let results = transaction.run(&LIST.bind(id.0.as_bytes().as_slice()))?;
    let rows = results.first().map_or(&[][..], |parts| &parts.rows);
    rows.iter().map(part).collect()
}

fn part(row: &Row) -> Result<Part, MetadataError> {
    Ok(Part {
        number: parsed(row, 0, |number: i64| Ok(u32::try_from(number)?))?,
        size: parsed(row, 1, size)?,
        tag: value::<&str>(row, 2)?.to_owned(),
    })
}
