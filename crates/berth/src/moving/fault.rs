//! Why a move does not come to its end.

use registry_core::{Damage, MoveError};
use thiserror::Error;

/// How many damaged things a sentence names; the log has all of them.
const NAMED: usize = 20;

/// What ended a move, or an attempt at its last step.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    /// A pass failed, or was told to stop.
    #[error(transparent)]
    Pass(#[from] MoveError),
    /// A step around it failed.
    #[error("{0:#}")]
    Step(anyhow::Error),
    /// The source does not hold what it should.
    #[error("{}", damaged(.0))]
    Damaged(Vec<Damage>),
}

impl Fault {
    /// Whether the same may succeed a moment later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Pass(MoveError::Source(_) | MoveError::Target(_) | MoveError::Blob { .. })
            | Self::Step(_) => true,
            Self::Pass(MoveError::Stopped | MoveError::Task(_) | MoveError::Hollow { .. })
            | Self::Damaged(_) => false,
        }
    }
}

fn damaged(damages: &[Damage]) -> String {
    let named: Vec<String> = damages
        .iter()
        .take(NAMED)
        .map(|damage| format!("\n  {damage}"))
        .collect();
    let more = match damages.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    format!(
        "the source is damaged, and nothing was switched; all the rest is copied. Delete what is named here, or leave it \
         behind with --skip-damaged, and push it again at the new place:{}{more}",
        named.concat()
    )
}
