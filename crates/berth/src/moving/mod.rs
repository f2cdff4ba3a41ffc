//! Moving a registry to other stores while it is served.
//!
//! 1. Passes copy what differs, until little does (`registry_core::Mover`). Everybody reads and writes the source.
//! 2. The last step: the gate lets no write through, other pods' writes are paused, and passes go on until one finds
//!    nothing to do: both are equal.
//!    Where that takes too long it is called off, and comes again after another pass.
//! 3. The switch: the source is marked as moved, the mark of the target is taken away, the gate leads to the target
//!    (`switch` says what each crash leaves).
//!
//! Cut off in the last step of a shared source, its database stays read-only; the same command lets others write again,
//! and copies.

mod fault;
mod freeze;
mod gate;
mod last_step;
mod mover;
mod places;
mod report;
mod storage;
mod switch;

pub(crate) use freeze::Freeze;
pub(crate) use gate::Gate;
pub(crate) use mover::{Move, Options, Outcome, filled, urls};
pub(crate) use places::{Places, Situation};
pub(crate) use report::repeat;
pub(crate) use storage::check_apart;
