//! What an application answers with.

mod body;
mod file;

pub use body::ResponseBody;
