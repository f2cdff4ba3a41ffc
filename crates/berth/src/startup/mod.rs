//! Builds the parts from the configuration. Everything that can go wrong on the way is told as a sentence that says
//! what to do next.

mod active_uploads;
mod admission;
mod database;
mod listeners;
mod readiness;
mod service;
mod site;
mod stores;
mod totals;

pub(crate) use admission::Admission;
#[cfg(test)]
pub(crate) use admission::is_served;
pub(crate) use service::Service;
pub(crate) use site::{Site, close};
pub(crate) use stores::Stores;

use listeners::Listeners;
use readiness::Readiness;
use totals::publish_totals;
