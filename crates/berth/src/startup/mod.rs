//! Builds the parts from the configuration. Everything that can go wrong on the way is told as a sentence that says
//! what to do next.

mod active_uploads;
mod database;
mod listeners;
mod readiness;
mod stores;
mod totals;

pub(crate) use listeners::Listeners;
pub(crate) use readiness::Readiness;
pub(crate) use stores::Stores;
pub(crate) use totals::publish_totals;
