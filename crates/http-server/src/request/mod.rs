//! What the server adds to a request before the application sees it.

mod body;
mod connection_body;
mod id;
mod origin;
mod pace;

pub use body::{RequestBody, RequestBodyError, RequestBodyStream};
pub use id::RequestId;
pub(crate) use id::{REQUEST_ID, RequestIdSource};
pub use origin::{ClientAddress, Scheme};
