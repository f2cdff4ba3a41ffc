//! Reads descriptors, as strictly as the manifest around them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::strict_json::{Place, annotations, array, object, present, size, string};
use super::{ManifestError, base64, foreign_url};
use crate::{Descriptor, Digest, MediaType};

/// A descriptor that may be absent.
pub(super) fn optional_descriptor(
    raw: Option<&RawValue>,
    at: Place<'_>,
) -> Result<Option<Descriptor>, ManifestError> {
    present(raw).map(|raw| descriptor(raw, at)).transpose()
}

/// A list of descriptors; absent and `null` are the empty one.
pub(super) fn descriptors(
    raw: Option<&RawValue>,
    at: Place<'_>,
) -> Result<Vec<Descriptor>, ManifestError> {
    let elements = present(raw).map_or_else(|| Ok(Vec::new()), |raw| array(raw, at))?;
    let numbered = elements.into_iter().enumerate();
    numbered
        .map(|(index, raw)| descriptor(raw, Place::Element(&at, index)))
        .collect()
}

/// One descriptor.
fn descriptor(raw: &RawValue, at: Place<'_>) -> Result<Descriptor, ManifestError> {
    let [
        media_type,
        digest,
        size,
        urls,
        annotations,
        data,
        artifact_type,
        platform,
    ] = object(
        raw,
        at,
        [
            "mediaType",
            "digest",
            "size",
            "urls",
            "annotations",
            "data",
            "artifactType",
            "platform",
        ],
    )?;
    let required = |raw, field| {
        present(raw).ok_or_else(|| ManifestError::IncompleteDescriptor {
            at: at.to_string(),
            field,
        })
    };
    let size = self::size(required(size, "size")?, at.field("size"))?;
    if let Some(platform) = present(platform) {
        check_platform(platform, at.field("platform"))?;
    }
    Ok(Descriptor {
        media_type: self::media_type(required(media_type, "mediaType")?, at.field("mediaType"))?,
        digest: self::digest(required(digest, "digest")?, at.field("digest"))?,
        size,
        urls: self::urls(urls, at.field("urls"))?,
        annotations: optional_annotations(annotations, at.field("annotations"))?,
        data: self::data(data, size, at.field("data"))?,
        artifact_type: optional_media_type(artifact_type, at.field("artifactType"))?,
    })
}

/// A media type that may be absent, or empty, which the specification treats alike.
pub(super) fn optional_media_type(
    raw: Option<&RawValue>,
    at: Place<'_>,
) -> Result<Option<MediaType>, ManifestError> {
    let raw = present(raw).filter(|raw| raw.get() != "\"\"");
    raw.map(|raw| media_type(raw, at)).transpose()
}

/// Annotations that may be absent.
pub(super) fn optional_annotations(
    raw: Option<&RawValue>,
    at: Place<'_>,
) -> Result<BTreeMap<String, String>, ManifestError> {
    present(raw).map_or_else(|| Ok(BTreeMap::new()), |raw| annotations(raw, at))
}

fn media_type(raw: &RawValue, at: Place<'_>) -> Result<MediaType, ManifestError> {
    let parsed = string(raw, at)?.parse();
    parsed.map_err(|reason| ManifestError::MediaType {
        at: at.to_string(),
        reason,
    })
}

fn digest(raw: &RawValue, at: Place<'_>) -> Result<Digest, ManifestError> {
    let parsed = string(raw, at)?.parse();
    parsed.map_err(|reason| ManifestError::Digest {
        at: at.to_string(),
        reason,
    })
}

fn urls(raw: Option<&RawValue>, at: Place<'_>) -> Result<Vec<String>, ManifestError> {
    let urls = optional_strings(raw, at)?;
    for (index, url) in urls.iter().enumerate() {
        foreign_url::check(url).map_err(|reason| ManifestError::Url {
            at: Place::Element(&at, index).to_string(),
            reason,
        })?;
    }
    Ok(urls.into_iter().map(Cow::into_owned).collect())
}

/// Embedded content: base64 of exactly `size` bytes.
fn data(
    raw: Option<&RawValue>,
    size: u64,
    at: Place<'_>,
) -> Result<Option<Vec<u8>>, ManifestError> {
    let Some(raw) = present(raw) else {
        return Ok(None);
    };
    let text = string(raw, at)?;
    let data =
        base64::decode(&text).ok_or_else(|| ManifestError::DataEncoding { at: at.to_string() })?;
    let found = data.len() as u64;
    if found != size {
        return Err(ManifestError::DataSize {
            at: at.to_string(),
            found,
            size,
        });
    }
    Ok(Some(data))
}

/// The platform is for clients; it only has to read the same to all of them.
fn check_platform(raw: &RawValue, at: Place<'_>) -> Result<(), ManifestError> {
    const STRINGS: [&str; 4] = ["architecture", "os", "os.version", "variant"];
    const LISTS: [&str; 2] = ["os.features", "features"];
    let [strings @ .., os_features, features] = object(
        raw,
        at,
        [
            STRINGS[0], STRINGS[1], STRINGS[2], STRINGS[3], LISTS[0], LISTS[1],
        ],
    )?;
    for (raw, key) in strings.into_iter().zip(STRINGS) {
        present(raw)
            .map(|raw| string(raw, at.field(key)))
            .transpose()?;
    }
    for (raw, key) in [os_features, features].into_iter().zip(LISTS) {
        optional_strings(raw, at.field(key))?;
    }
    Ok(())
}

/// A list of strings that may be absent.
fn optional_strings<'j>(
    raw: Option<&'j RawValue>,
    at: Place<'_>,
) -> Result<Vec<Cow<'j, str>>, ManifestError> {
    let elements = present(raw).map_or_else(|| Ok(Vec::new()), |raw| array(raw, at))?;
    let numbered = elements.into_iter().enumerate();
    numbered
        .map(|(index, raw)| string(raw, Place::Element(&at, index)))
        .collect()
}
