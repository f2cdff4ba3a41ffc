//! The four layers and their order: defaults < file < environment < options.
//!
//! Each layer yields settings with the text they are given and where. Every text is tried on its own, so that all
//! problems are reported together, those in values that a later layer replaces included.

mod environment;
mod file;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use super::effective::Effective;
use super::problem::{Origin, Problem, Problems};
use super::settings::{Setting, settings};
use super::text::Tree;
use super::{Configuration, rules};

/// A text that a layer gives to a setting.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) text: String,
    pub(crate) origin: Origin,
}

/// Without the text, which may be a secret.
impl fmt::Debug for Given {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Given({})", self.origin)
    }
}

/// What a layer says: settings, and what is wrong with the rest.
#[derive(Debug, Default)]
struct Layer {
    given: Vec<(&'static Setting, Given)>,
    problems: Vec<Problem>,
}

/// Where the layers come from.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// `--config`.
    pub(crate) file: Option<PathBuf>,
    /// The environment, as the process got it.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Options of the command line that were given, with their values.
    pub(crate) options: Vec<(&'static str, String)>,
}

impl Sources {
    /// The environment of this process, with nothing on the command line.
    pub(crate) fn of_process() -> Self {
        Self {
            environment: std::env::vars_os().collect(),
            ..Self::default()
        }
    }
}

/// Lays the layers over each other, for what opens the stores.
pub(crate) fn load(sources: &Sources) -> Result<Effective, Problems> {
    checked(merge(sources)?, rules::check)
}

/// The same for what needs the database alone: blobs may be anywhere.
pub(crate) fn load_for_database(sources: &Sources) -> Result<Effective, Problems> {
    checked(merge(sources)?, rules::check_but_pods)
}

fn checked(
    effective: Effective,
    check: impl Fn(&Effective) -> Vec<Problem>,
) -> Result<Effective, Problems> {
    let problems = check(&effective);
    if problems.is_empty() {
        Ok(effective)
    } else {
        Err(Problems(problems))
    }
}

fn merge(sources: &Sources) -> Result<Effective, Problems> {
    let mut problems = Vec::new();
    let mut given: BTreeMap<String, Given> = BTreeMap::new();
    for layer in layers(sources) {
        problems.extend(layer.problems);
        for (setting, value) in layer.given {
            problems.extend(wrong_value(setting, &value));
            given.insert(setting.path(), value);
        }
    }
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let texts = settings().iter().filter_map(|setting| {
        given
            .get(&setting.path())
            .map(|value| (setting, value.text.as_str()))
    });
    let configuration = Configuration::deserialize(Tree::of(texts))
        .map_err(|error| Problems(vec![Problem::new(error.to_string())]))?;
    Ok(Effective::new(configuration, given))
}

/// The layers above the defaults, lowest first.
fn layers(sources: &Sources) -> Vec<Layer> {
    let environment = environment::read(&sources.environment);
    let file = sources.file.clone().or(environment.file);
    let mut layers: Vec<Layer> = file.iter().map(|path| file::read(path)).collect();
    layers.push(environment.layer);
    layers.push(options(&sources.options));
    layers
}

fn options(options: &[(&'static str, String)]) -> Layer {
    let mut layer = Layer::default();
    for (option, text) in options {
        let setting = settings()
            .iter()
            .find(|setting| setting.option().as_deref() == Some(option));
        if let Some(setting) = setting {
            let origin = Origin::Option((*option).to_owned());
            layer.given.push((
                setting,
                Given {
                    text: text.clone(),
                    origin,
                },
            ));
        }
    }
    layer
}

/// What may be shown of a value that was refused. Where the secret of a URL stands is not known when
/// the URL cannot be read.
fn shown(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://…"),
        None => text.to_owned(),
    }
}

/// Tries a value by itself.
fn wrong_value(setting: &Setting, given: &Given) -> Option<Problem> {
    let error = Configuration::deserialize(Tree::of([(setting, given.text.as_str())])).err()?;
    let value = shown(&given.text);
    Some(Problem::at(
        given.origin.clone(),
        format!("{setting} is {value:?}: {error}"),
    ))
}
