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
            "a move into this registry is not finished: run `berth move` again as before. To give it up, serve the old \
             place; only where that is served, empty the database and the storage here"
        );
    }
    Ok(())
}

/// Whether a registry with these marks may be served.
#[cfg(test)]
pub(crate) fn is_served(state: &InstallationState) -> bool {
    serve(state).is_ok()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_registry_that_went_says_where_to() {
        let away = InstallationState {
            id: Uuid::from_u128(1),
            moving_from: None,
            moving_storage: None,
            moving_to: None,
            moved_to: Some("there".to_owned()),
            moved_to_id: Some(Uuid::from_u128(2)),
        };
        let said = serve(&away).unwrap_err().to_string();
        assert!(said.contains("moved to there"), "{said}");
    }
}
