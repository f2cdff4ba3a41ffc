//! The parts of an object that is put together when it is published. A store that keeps a session in
//! one piece has none.

use registry_core::ports::{Part, Stored, UploadId};
use sqlx::postgres::PgRow;

use crate::rows::{Reading, list, signed, size};
use crate::statement::{Bound, Statement, statement};

/// SQL that records what the store said of the session in `session`: its parts in `$4`, `$5` and `$6`, and
/// whether those before are void (`$3`). A number comes again when its first holder died before it
/// recorded the part.
///
/// The session's row is locked by then, and only its holder writes its parts: nobody is in the way.
macro_rules! record_parts {
    () => {
        "voided AS (
            DELETE FROM upload_parts
            WHERE upload_id = (SELECT id FROM session) AND $3 AND number <> ALL ($4::integer[])
         ), recorded AS (
            INSERT INTO upload_parts (upload_id, number, tag, size)
            SELECT session.id, part.number, part.tag, part.size
            FROM session CROSS JOIN unnest($4::integer[], $5::text[], $6::bigint[]) AS part (number, tag, size)
            ORDER BY part.number
            ON CONFLICT (upload_id, number) DO UPDATE SET tag = excluded.tag, size = excluded.size
            RETURNING number, tag, size
         )"
    };
}
pub(super) use record_parts;

/// SQL for three columns, which [`read`] takes apart: the rows of `part`, in their order.
macro_rules! parts {
    () => {
        "ARRAY (SELECT number FROM part ORDER BY number),
         ARRAY (SELECT tag FROM part ORDER BY number),
         ARRAY (SELECT size FROM part ORDER BY number)"
    };
}
pub(super) use parts;

pub(super) static LIST: Statement = statement!(
    "upload_list_parts",
    "WITH part AS (SELECT number, tag, size FROM upload_parts WHERE upload_id = $1) SELECT ",
    parts!()
);

/// All parts of a session.
pub(super) fn list_of(id: UploadId) -> Bound {
    LIST.bind(id.0)
}

/// Binds what [`record_parts`] takes.
pub(super) fn bind(bound: Bound, stored: &Stored) -> Bound {
    let parts = &stored.parts;
    let number = |part: &Part| i32::try_from(part.number).unwrap_or(i32::MAX);
    let tags = parts.iter().map(|part| part.tag.as_str());
    bound
        .bind(stored.anew)
        .bind(parts.iter().map(number).collect::<Vec<_>>())
        .bind(tags.collect::<Vec<_>>())
        .bind(
            parts
                .iter()
                .map(|part| signed(part.size))
                .collect::<Vec<_>>(),
        )
}

/// Parts from three columns, of which `first` is the first.
pub(super) fn read(row: &PgRow, first: usize) -> Reading<Vec<Part>> {
    let numbers: Vec<u32> = list(row, first, |number: i32| Ok(u32::try_from(number)?))?;
    let tags: Vec<String> = list(row, first + 1, Ok)?;
    let sizes: Vec<u64> = list(row, first + 2, size)?;
    let parts = numbers.into_iter().zip(tags).zip(sizes);
    Ok(parts
        .map(|((number, tag), size)| Part { number, size, tag })
        .collect())
}
