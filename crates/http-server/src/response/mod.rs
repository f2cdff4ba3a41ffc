//! What an application answers with.

mod body;
mod file;
mod outgoing;

pub use body::ResponseBody;
pub(crate) use outgoing::{Channel, Outgoing};
