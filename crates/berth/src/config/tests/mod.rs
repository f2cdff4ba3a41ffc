//! The configuration as its users see it: which layer wins, what is refused and in which words.

mod layering;
mod refusals;
mod rendering;

use std::path::Path;

use super::settings::{DefaultValue, Setting};
use super::*;

/// A directory with a configuration file.
fn file(yaml: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("berth.yaml");
    std::fs::write(&path, yaml).unwrap();
    (directory, path)
}

fn environment(variables: &[(&str, &str)]) -> Sources {
    let environment = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    Sources {
        environment,
        ..Sources::default()
    }
}

fn options(options: &[(&'static str, &str)]) -> Sources {
    let options = options
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    Sources {
        options,
        ..Sources::default()
    }
}

/// Everything that is wrong with a file, without the directory it lies in.
fn refusals(yaml: &str) -> Vec<String> {
    let (directory, path) = file(yaml);
    let sources = Sources {
        file: Some(path),
        ..Sources::default()
    };
    let directory = format!("{}/", directory.path().display());
    let problems = load(&sources).expect_err("the file is refused").0;
    problems
        .iter()
        .map(|problem| problem.to_string().replace(&directory, ""))
        .collect()
}

fn refusal(sources: &Sources) -> String {
    load(sources)
        .expect_err("the configuration is refused")
        .to_string()
}

fn in_force(effective: &Effective, path: &str) -> (Option<String>, String) {
    let found = effective
        .in_force()
        .into_iter()
        .find(|value| value.setting.path() == path)
        .unwrap();
    (found.value, found.origin.to_string())
}
