//! The configuration that is in force, as a file that says the same.

use std::fmt::Write as _;

use super::scalar;
use crate::config::Effective;
use crate::config::problem::Origin;

/// Whether `config show` says where values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origins {
    /// It does.
    Shown,
    /// It does not.
    Hidden,
}

/// YAML of all settings; those that are not set are comments.
pub(crate) fn show(effective: &Effective, origins: Origins) -> String {
    let mut yaml = String::new();
    let mut current = None;
    for in_force in effective.in_force() {
        let setting = in_force.setting;
        if setting.section != current {
            current.clone_from(&setting.section);
            let _ = writeln!(yaml, "{}:", current.as_deref().unwrap_or_default());
        }
        let indent = if setting.section.is_some() { "  " } else { "" };
        let line = match &in_force.value {
            Some(value) => format!("{indent}{}: {}", setting.key, scalar(value)),
            None => format!("{indent}# {} is not set", setting.key),
        };
        let origin = match (origins, &in_force.value) {
            (Origins::Hidden, _) | (_, None) => String::new(),
            (Origins::Shown, Some(_)) => format!("  # {}", described(&in_force.origin)),
        };
        let _ = writeln!(yaml, "{line}{origin}");
    }
    yaml
}

fn described(origin: &Origin) -> String {
    match origin {
        Origin::Default => "default".to_owned(),
        Origin::File { .. } => origin.to_string(),
        Origin::Environment(name) => format!("environment {name}"),
        Origin::Option(name) => format!("option {name}"),
    }
}
