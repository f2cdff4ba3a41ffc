//! From bytes to a [`Manifest`]: which fields it must have by its media type, and what they say.

use serde_json::value::RawValue;

use super::descriptor_fields::{
    descriptors, optional_annotations, optional_descriptor, optional_media_type,
};
use super::strict_json::{MAXIMUM_DESCRIPTORS, Place, check_text, object, present};
use super::{Manifest, ManifestError, ManifestKind};
use crate::MediaType;

/// The fields of a manifest's object that are known, not yet read.
struct Fields<'j> {
    schema_version: Option<&'j RawValue>,
    media_type: Option<&'j RawValue>,
    artifact_type: Option<&'j RawValue>,
    config: Option<&'j RawValue>,
    layers: Option<&'j RawValue>,
    blobs: Option<&'j RawValue>,
    manifests: Option<&'j RawValue>,
    subject: Option<&'j RawValue>,
    annotations: Option<&'j RawValue>,
    fs_layers: Option<&'j RawValue>,
}

/// What a media type says about the body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// OCI or Docker image: `config` and `layers`.
    Image,
    /// OCI index or Docker list: `manifests`.
    Index,
    /// OCI's withdrawn artifact manifest: `blobs`, but not always, and no schema version.
    Artifact,
    /// Nothing we know: the fields tell.
    Structural,
}

pub(super) fn parse(content_type: &MediaType, bytes: &[u8]) -> Result<Manifest, ManifestError> {
    refuse_schema_one(content_type)?;
    let fields = Fields::read(check_text(bytes)?)?;
    if fields.is_schema_one() {
        return Err(ManifestError::SchemaOne);
    }
    let at = Place::Manifest;
    if let Some(body) = optional_media_type(fields.media_type, at.field("mediaType"))?
        && !body.matches(content_type)
    {
        return Err(ManifestError::MediaTypeMismatch {
            body,
            header: content_type.clone(),
        });
    }
    let format = Format::of(content_type);
    fields.check_format(format, content_type)?;

    let config = optional_descriptor(fields.config, at.field("config"))?;
    let mut layers = descriptors(fields.layers, at.field("layers"))?;
    if format.has_blobs() {
        layers.extend(descriptors(fields.blobs, at.field("blobs"))?);
    }
    let manifests = descriptors(fields.manifests, at.field("manifests"))?;
    if usize::from(config.is_some()) + layers.len() + manifests.len() > MAXIMUM_DESCRIPTORS {
        return Err(ManifestError::TooManyDescriptors);
    }
    let artifact_type = optional_media_type(fields.artifact_type, at.field("artifactType"))?;
    Ok(Manifest {
        media_type: content_type.clone(),
        kind: fields.kind(format),
        artifact_type: artifact_type.or_else(|| config.as_ref().map(|c| c.media_type.clone())),
        config,
        layers,
        manifests,
        subject: optional_descriptor(fields.subject, at.field("subject"))?,
        annotations: optional_annotations(fields.annotations, at.field("annotations"))?,
    })
}

fn refuse_schema_one(content_type: &MediaType) -> Result<(), ManifestError> {
    let refused = [MediaType::DOCKER_SCHEMA1, MediaType::DOCKER_SCHEMA1_SIGNED];
    if refused.iter().any(|refused| content_type.matches(refused)) {
        return Err(ManifestError::SchemaOne);
    }
    Ok(())
}

impl<'j> Fields<'j> {
    fn read(raw: &'j RawValue) -> Result<Self, ManifestError> {
        let [
            schema_version,
            media_type,
            artifact_type,
            config,
            layers,
            blobs,
            manifests,
            subject,
            annotations,
            fs_layers,
        ] = object(
            raw,
            Place::Manifest,
            [
                "schemaVersion",
                "mediaType",
                "artifactType",
                "config",
                "layers",
                "blobs",
                "manifests",
                "subject",
                "annotations",
                "fsLayers",
            ],
        )?;
        Ok(Self {
            schema_version,
            media_type,
            artifact_type,
            config,
            layers,
            blobs,
            manifests,
            subject,
            annotations,
            fs_layers,
        })
    }

    /// Docker's first format, whatever it was pushed as.
    fn is_schema_one(&self) -> bool {
        let is_version_one = self
            .schema_version
            .is_some_and(|version| version.get() == "1");
        is_version_one || present(self.fs_layers).is_some()
    }

    /// Whether the body has what its format demands, and nothing that makes it two things.
    fn check_format(&self, format: Format, content_type: &MediaType) -> Result<(), ManifestError> {
        let blobs = self.blobs.filter(|_| format.has_blobs());
        let image_fields = [
            ("config", self.config),
            ("layers", self.layers),
            ("blobs", blobs),
        ];
        let image_field = image_fields
            .into_iter()
            .find(|(_, raw)| present(*raw).is_some());
        if let (Some((key, _)), Some(_)) = (image_field, present(self.manifests)) {
            return Err(ManifestError::ImageAndIndex(key));
        }
        if matches!(format, Format::Artifact | Format::Structural) {
            return Ok(());
        }
        if self
            .schema_version
            .is_none_or(|version| version.get() != "2")
        {
            return Err(ManifestError::SchemaVersion(content_type.clone()));
        }
        match format {
            Format::Image if present(self.config).is_none() => Err(ManifestError::MissingConfig),
            Format::Image if self.layers.is_none() => Err(ManifestError::MissingLayers),
            Format::Index if self.manifests.is_none() => Err(ManifestError::MissingManifests),
            Format::Image | Format::Index | Format::Artifact | Format::Structural => Ok(()),
        }
    }

    fn kind(&self, format: Format) -> ManifestKind {
        let has = |fields: &[_]| fields.iter().any(|raw| present(*raw).is_some());
        match format {
            Format::Image | Format::Artifact => ManifestKind::Image,
            Format::Index => ManifestKind::Index,
            Format::Structural if has(&[self.manifests]) => ManifestKind::Index,
            Format::Structural if has(&[self.config, self.layers, self.blobs]) => {
                ManifestKind::Image
            }
            Format::Structural => ManifestKind::Other,
        }
    }
}

impl Format {
    fn of(content_type: &MediaType) -> Self {
        let is = |known: MediaType| content_type.matches(&known);
        if is(MediaType::OCI_MANIFEST) || is(MediaType::DOCKER_MANIFEST) {
            Self::Image
        } else if is(MediaType::OCI_INDEX) || is(MediaType::DOCKER_MANIFEST_LIST) {
            Self::Index
        } else if is(MediaType::OCI_ARTIFACT_MANIFEST) {
            Self::Artifact
        } else {
            Self::Structural
        }
    }

    /// Whether `blobs` is a list of descriptors; to images and indexes it is an unknown key.
    const fn has_blobs(self) -> bool {
        match self {
            Self::Image | Self::Index => false,
            Self::Artifact | Self::Structural => true,
        }
    }
}
