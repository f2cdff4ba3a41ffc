//! The environment: `BERTH_<SECTION>_<KEY>`. A variable that looks like ours and is not known is refused, because
//! it is most likely a slip, and a slip that goes unnoticed is worse than a server that does not start.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::{Given, Layer};
use crate::config::problem::{Origin, Problem, nearest};
use crate::config::settings::{ENVIRONMENT_PREFIX, settings};

/// Names the configuration file.
const FILE: &str = "BERTH_CONFIG";

/// Options of `berth move`, which reads them itself.
const OPTIONS: [&str; 2] = ["BERTH_TO_METADATA_URL", "BERTH_TO_STORAGE_URL"];

/// What the environment says.
pub(super) struct Environment {
    pub(super) file: Option<PathBuf>,
    pub(super) layer: Layer,
}

/// Reads what concerns us. An empty variable counts as not set, as compose files and shells write it.
pub(super) fn read(variables: &[(OsString, OsString)]) -> Environment {
    let mut environment = Environment {
        file: None,
        layer: Layer::default(),
    };
    let mut ours: Vec<(&str, &OsStr)> = variables
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?, value.as_os_str())))
        .filter(|(name, value)| name.starts_with(ENVIRONMENT_PREFIX) && !value.is_empty())
        .filter(|(name, _)| !is_service_link(name))
        .collect();
    ours.sort_unstable();
    for (name, value) in ours {
        environment.take(name, value);
    }
    environment
}

impl Environment {
    fn take(&mut self, name: &str, value: &OsStr) {
        let origin = Origin::Environment(name.to_owned());
        if name == FILE {
            self.file = Some(value.into());
            return;
        }
        if OPTIONS.contains(&name) {
            return;
        }
        let Some(setting) = settings()
            .iter()
            .find(|setting| setting.environment() == name)
        else {
            self.layer.problems.push(Problem::at(origin, unknown(name)));
            return;
        };
        match value.to_str() {
            Some(text) => self.layer.given.push((
                setting,
                Given {
                    text: text.to_owned(),
                    origin,
                },
            )),
            None => self
                .layer
                .problems
                .push(Problem::at(origin, "its value is not UTF-8")),
        }
    }
}

fn unknown(name: &str) -> String {
    let bare = |name: &str| name.trim_start_matches(ENVIRONMENT_PREFIX).to_owned();
    let known: Vec<String> = settings()
        .iter()
        .map(|setting| bare(&setting.environment()))
        .chain([bare(FILE)])
        .collect();
    match nearest(&bare(name), known.iter().map(String::as_str)) {
        Some(nearest) => format!("no such setting; did you mean {ENVIRONMENT_PREFIX}{nearest}?"),
        None => "no such setting; `berth config reference` lists them all".to_owned(),
    }
}

/// Whether Kubernetes made this variable: in each pod it sets `BERTH_SERVICE_HOST`, `BERTH_PORT_5000_TCP_ADDR` and
/// more of the kind for a service named `berth`, `BERTH_ADMIN_SERVICE_HOST` for one named `berth-admin`.
fn is_service_link(name: &str) -> bool {
    let transport = |rest: &str| {
        let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        digits.len() < rest.len()
            && ["_TCP", "_UDP", "_SCTP"]
                .iter()
                .any(|protocol| digits.starts_with(protocol))
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.ends_with("_PORT")
        || name
            .split_once("_PORT_")
            .is_some_and(|(_, rest)| transport(rest))
}
