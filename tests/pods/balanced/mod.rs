//! Three pods behind nginx, which gives each request to the next one: whoever is asked, it is the same registry.

mod clients;
mod races;
mod sessions;
mod visibility;
