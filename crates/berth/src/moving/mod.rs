//! Moving a registry to other stores while it is served.
//!
//! 1. Passes copy what differs, until little does (`registry_core::Mover`). Everybody reads and writes the source.
//! 2. The last step: the gate lets no write through, other pods' writes are paused, and passes go on until one finds
//!    nothing to do: both are equal.
//! 3. The switch: the source is marked as moved, the mark of the target is taken away, the gate leads to the target.
//!
//! | cut off | what is left | the same command again |
//! |---|---|---|
//! | before the switch | the source as it was; the target marked as being filled | copies what is left |
//! | in the last step of a shared source | the same, and the database read-only | lets others write again, and copies |
//! | after the first mark | neither is served | takes the other mark away, and serves the target |
//! | after the second | the target | serves the target |

mod fault;
mod freeze;
mod gate;
mod last_step;
mod mover;
mod places;
mod report;

pub(crate) use freeze::Freeze;
pub(crate) use gate::Gate;
pub(crate) use mover::{Move, Options, Outcome, filled, urls};
pub(crate) use places::{Places, Situation};
