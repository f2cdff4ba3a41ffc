//! Who may open a registry for what: one that is being filled, or was moved away, is not served.

use anyhow::{anyhow, bail};
use registry_core::ports::{InstallationState, Metadata};

/// What a registry is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// To be served.
    Serve,
    /// To be served while it is moved away, and to finish a move that was cut off.
    MoveFrom,
    /// To be filled.
    MoveInto,
}

impl Admission {
    /// Refuses what a registry must not be opened for.
    pub(super) async fn check(self, metadata: &dyn Metadata) -> anyhow::Result<()> {
        let state = metadata.installation().await?;
        match self {
            Self::Serve => serve(&state),
            Self::MoveFrom => unfinished(&state),
            Self::MoveInto => moved(&state),
        }
    }
}

fn serve(state: &InstallationState) -> anyhow::Result<()> {
    moved(state)?;
    unfinished(state)?;
    if let Some(target) = &state.moving_to {
        tracing::warn!(
            target,
            "a move from here is in its last step, or was cut off there: no writes are taken until `berth move` is run \
             again"
        );
    }
    Ok(())
}

fn moved(state: &InstallationState) -> anyhow::Result<()> {
    match &state.moved_to {
        Some(target) => Err(anyhow!(
            "this registry was moved to {target}: set metadata.url and storage.url to these"
        )),
        None => Ok(()),
    }
}

fn unfinished(state: &InstallationState) -> anyhow::Result<()> {
    if state.moving_from.is_some() {
        bail!(
            "a move into this registry is not finished: finish it by running `berth move` again as before, or empty \
             its database and its storage"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// Wherever a move is cut off, no two of them are served.
    #[test]
    fn never_are_two_served() {
        let id = Uuid::from_u128(1);
        let fresh = InstallationState {
            id,
            moving_from: None,
            moving_to: None,
            moved_to: None,
        };
        let moving = |target: &InstallationState| InstallationState {
            moving_from: Some(id),
            ..target.clone()
        };
        let frozen = InstallationState {
            moving_to: Some("there".to_owned()),
            ..fresh.clone()
        };
        let away = InstallationState {
            moved_to: Some("there".to_owned()),
            ..fresh.clone()
        };
        for (source, target, expected) in [
            // Before and while it is filled, in the last step, between the two marks, after both.
            (&fresh, moving(&fresh), (true, false)),
            (&frozen, moving(&fresh), (true, false)),
            (&away, moving(&fresh), (false, false)),
            (&away, fresh.clone(), (false, true)),
        ] {
            assert_eq!((serve(source).is_ok(), serve(&target).is_ok()), expected);
            // The same command may go on each time.
            assert!(unfinished(source).is_ok() && moved(&target).is_ok());
        }
        let said = serve(&away).unwrap_err().to_string();
        assert!(said.contains("moved to there"), "{said}");
    }
}
