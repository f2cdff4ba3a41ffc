//! Uploads that nobody kills: appending, finishing, opening with the whole blob, and who may write
//! when two want to. What each kind of death leaves stands in `crashes`.

mod append;
mod finish;
mod lease;
mod whole;
