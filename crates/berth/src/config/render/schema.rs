//! The JSON Schema of the file, for editors.

use crate::config::Configuration;

/// The schema as JSON.
pub(crate) fn schema() -> String {
    format!("{:#}\n", schemars::schema_for!(Configuration).to_value())
}
