//! The commands, one file each.

pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod man;
pub(crate) mod migrate;
pub(crate) mod moving;
pub(crate) mod serve;
pub(crate) mod version;
