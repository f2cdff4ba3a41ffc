//! The YAML file: sections of settings, two levels and no more. Keys that are not known are refused at their place,
//! with what was probably meant.

use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_saphyr::{Error, Location, Spanned};

use super::{Given, Layer};
use crate::config::problem::{Origin, Problem, nearest};
use crate::config::settings::{Setting, find, sections, settings};

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> Layer {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(path, &text),
        Err(error) => {
            let message = format!(
                "the configuration file {} cannot be read: {error}",
                path.display()
            );
            Layer {
                given: Vec::new(),
                problems: vec![Problem::new(message)],
            }
        }
    }
}

fn parse(path: &Path, text: &str) -> Layer {
    let mut layer = Layer::default();
    let top = Keys {
        path,
        section: None,
        layer: &mut layer,
    };
    if let Err(error) =
        serde_saphyr::with_deserializer_from_str(text, |document| top.deserialize(document))
    {
        let problem = syntax(path, error.without_snippet());
        layer.problems.push(problem);
    }
    layer
}

/// Reads the keys of a section, or of the top level.
struct Keys<'a> {
    path: &'a Path,
    section: Option<&'static str>,
    layer: &'a mut Layer,
}

impl Keys<'_> {
    fn at(&self, location: Location) -> Origin {
        Origin::File {
            path: self.path.to_owned(),
            line: location.line(),
            column: location.column(),
        }
    }

    fn set(&mut self, setting: &'static Setting, value: Spanned<Option<String>>) {
        let origin = self.at(value.referenced);
        if let Some(text) = value.value {
            self.layer.given.push((setting, Given { text, origin }));
        } else {
            let message = format!("{setting} has no value: give it one or remove the line");
            self.layer.problems.push(Problem::at(origin, message));
        }
    }

    fn refuse(&mut self, key: &Spanned<String>) {
        let message = unknown(self.section, &key.value);
        let origin = self.at(key.referenced);
        self.layer.problems.push(Problem::at(origin, message));
    }
}

impl<'de> DeserializeSeed<'de> for Keys<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("settings")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            if let Some(setting) = find(self.section, &key.value) {
                let value = map.next_value()?;
                self.set(setting, value);
            } else if let Some(section) = section(self.section, &key.value) {
                map.next_value_seed(Keys {
                    path: self.path,
                    section: Some(section),
                    layer: self.layer,
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
                self.refuse(&key);
            }
        }
        Ok(())
    }
}

/// The section of this name; sections do not nest.
fn section(outer: Option<&str>, name: &str) -> Option<&'static str> {
    sections()
        .iter()
        .map(|section| section.name.as_str())
        .find(|known| outer.is_none() && *known == name)
}

fn unknown(section: Option<&'static str>, key: &str) -> String {
    let place = section.map_or_else(
        || "at the top level".to_owned(),
        |section| format!("in `{section}`"),
    );
    let absent = format!("there is no `{key}` {place}");
    // The right name in the wrong place: in another section, or written as the option or the variable is.
    let bare = key.replace('-', "_").to_lowercase();
    let elsewhere: Vec<String> = settings()
        .iter()
        .filter(|setting| setting.key == bare || setting.path().replace('.', "_") == bare)
        .map(|setting| format!("`{setting}`"))
        .collect();
    if !elsewhere.is_empty() {
        return format!("{absent}; did you mean {}?", elsewhere.join(" or "));
    }
    let known = known(section);
    match nearest(key, known.iter().copied()) {
        Some(nearest) => format!("{absent}; did you mean `{nearest}`?"),
        None => format!("{absent}; known are {}", known.join(", ")),
    }
}

/// The keys of a section, or of the top level with its sections.
fn known(section: Option<&'static str>) -> Vec<&'static str> {
    let inside = settings()
        .iter()
        .filter(|setting| setting.section.as_deref() == section);
    let sections = sections()
        .iter()
        .filter(|_| section.is_none())
        .map(|section| section.name.as_str());
    inside
        .map(|setting| setting.key.as_str())
        .chain(sections)
        .collect()
}

/// What the parser says, in words that fit a file of settings.
fn syntax(path: &Path, error: &Error) -> Problem {
    let message = match error {
        Error::Unexpected {
            expected: "mapping start",
            ..
        } => "expected settings, as `key: value`, one a line".into(),
        Error::Unexpected {
            expected: "string scalar",
            ..
        } => "expected a single value, not a list or a section".into(),
        Error::MultipleDocuments { .. } => "a second document starts here; one is enough".into(),
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("`{key}` is there twice"),
        other => message(other),
    };
    match error.location() {
        Some(place) if place.line() > 0 => {
            let origin = Origin::File {
                path: path.to_owned(),
                line: place.line(),
                column: place.column(),
            };
            Problem::at(origin, message)
        }
        _ => Problem::new(format!("{}: {message}", path.display())),
    }
}

/// The message without the place, which stands before it already.
fn message(error: &Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ")
        .map_or(text.clone(), |(message, _)| message.to_owned())
}
