//! Referrers: manifests by their subject.

use std::collections::BTreeMap;

use async_trait::async_trait;
use oci_types::RepositoryName;
use registry_core::ports::{MetadataError, REFERRER_BYTES, Referrer, ReferrerIndex, ReferrerQuery};
use sqlx::postgres::PgRow;

use crate::PostgresMetadata;
use crate::rows::{Parsed, Reading, digest, media_type, optional, parsed, signed, size, value};
use crate::statement::{Statement, statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&LIST, &LIST_BY_TYPE];

/// SQL for a page of referrers that satisfy a condition. Their annotations are measured before any
/// is read; the page ends with the second entry after the one that exceeds `$5` bytes.
macro_rules! list {
    ($name:literal, $condition:literal) => {
        statement!(
            $name,
            "WITH page AS (
                SELECT id, coalesce(octet_length(annotations), 0) AS bytes FROM manifests
                WHERE repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
                  AND subject_digest = $2 AND id > $3 AND deleted_at IS NULL",
            $condition,
            "   ORDER BY id LIMIT $4
             ), measured AS (
                SELECT id, sum(bytes) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING) AS before
                FROM page
             )
             SELECT measured.id, media_type, digest, size, artifact_type, annotations
             FROM measured CROSS JOIN LATERAL (
                SELECT media_type, digest, size, artifact_type, annotations FROM manifests
                WHERE manifests.id = measured.id LIMIT 1
             ) AS manifest
             WHERE coalesce(before, 0) <= $5 ORDER BY measured.id"
        )
    };
}

static LIST: Statement = list!("referrer_list", "");

static LIST_BY_TYPE: Statement = list!("referrer_list_by_type", " AND lower(artifact_type) = $6 ");

#[async_trait]
impl ReferrerIndex for PostgresMetadata {
    async fn list_referrers(
        &self,
        repository: &RepositoryName,
        query: &ReferrerQuery,
    ) -> Result<Vec<Referrer>, MetadataError> {
        let statement = if query.artifact_type.is_some() {
            &LIST_BY_TYPE
        } else {
            &LIST
        };
        let mut list = statement
            .bind(repository.as_str())
            .bind(query.subject.to_bytes())
            .bind(query.after.unwrap_or_default())
            .bind(i64::from(query.limit))
            .bind(signed(REFERRER_BYTES));
        if let Some(artifact_type) = &query.artifact_type {
            list = list.bind(artifact_type.as_str().to_ascii_lowercase());
        }
        let rows = self.primary.rows(list).await?;
        let referrers = rows.iter().map(referrer).collect::<Reading<_>>();
        Ok(referrers?)
    }
}

fn referrer(row: &PgRow) -> Reading<Referrer> {
    Ok(Referrer {
        cursor: value(row, 0)?,
        media_type: parsed(row, 1, media_type)?,
        digest: parsed(row, 2, digest)?,
        size: parsed(row, 3, size)?,
        artifact_type: optional(row, 4, media_type)?,
        annotations: optional(row, 5, annotations)?.unwrap_or_default(),
    })
}

fn annotations(json: &str) -> Parsed<BTreeMap<String, String>> {
    Ok(serde_json::from_str(json)?)
}
