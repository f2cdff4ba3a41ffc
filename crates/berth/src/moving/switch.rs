//! The switch: from the first mark on there is no way back, and no write goes anywhere until the second is there. Each is
//! set again until it is known to be set.
//!
//! | cut off | source | target | the same command again |
//! |---|---|---|---|
//! | before the first mark is there | served | being filled | copies |
//! | between the two | moved, not served | being filled, not served | sets the second |
//! | after the second | moved, not served | served | serves the target |

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use registry_core::MoveError;
use registry_core::ports::Installation;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::fault::Fault;
use super::report;

/// Between two attempts to set a mark.
const PAUSE: Duration = Duration::from_millis(500);

/// The two rows that are marked.
pub(super) struct Switch<'a> {
    pub(super) source: Arc<dyn Installation>,
    pub(super) source_id: Uuid,
    pub(super) target: Arc<dyn Installation>,
    pub(super) target_id: Uuid,
    /// What the target is called.
    pub(super) place: &'a str,
    pub(super) stop: &'a CancellationToken,
}

impl Switch<'_> {
    /// Makes it. If it is stopped, a mark may be there whose answer was lost.
    pub(super) async fn make(&self) -> Result<(), Fault> {
        let moved = async || self.source.set_moved_to(self.place, self.target_id).await;
        self.insist(moved).await?;
        let finished = async || self.target.finish_move_into(self.source_id).await;
        self.insist(finished).await
    }

    async fn insist<T, E: Error>(&self, step: impl AsyncFn() -> Result<T, E>) -> Result<(), Fault> {
        loop {
            match step().await {
                Ok(_) => return Ok(()),
                Err(error) => report::line(&format!("{error}; trying again")),
            }
            let pause = self.stop.run_until_cancelled(sleep(PAUSE)).await;
            pause.ok_or(Fault::Pass(MoveError::Stopped))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use registry_core::ports::{InstallationState, MetadataError, MoveInto};

    use super::*;
    use crate::startup::is_served;

    /// Both rows, and a fault that comes before or after a mark is set.
    #[derive(Debug)]
    struct Rows {
        states: Mutex<[InstallationState; 2]>,
        /// Which mark fails, whether it is set all the same, and who hears of it.
        fault: Option<(usize, bool)>,
        stop: CancellationToken,
    }

    /// One of them: the source, or the target.
    #[derive(Debug)]
    struct Row(Arc<Rows>, usize);

    impl Row {
        fn set(&self, mark: impl FnOnce(&mut InstallationState)) -> Result<(), MetadataError> {
            let mut states = self.0.states.lock().unwrap();
            let fault = self.0.fault.filter(|(row, _)| *row == self.1);
            if !matches!(fault, Some((_, false))) {
                mark(&mut states[self.1]);
            }
            assert!(!states.iter().all(is_served), "both are served: {states:?}");
            match fault {
                Some(_) => {
                    self.0.stop.cancel();
                    Err(MetadataError::Failed("away".into()))
                }
                None => Ok(()),
            }
        }
    }

    #[async_trait]
    impl Installation for Row {
        async fn installation(&self) -> Result<InstallationState, MetadataError> {
            Ok(self.0.states.lock().unwrap()[self.1].clone())
        }

        async fn begin_move_into(&self, _: Uuid, _: &str) -> Result<MoveInto, MetadataError> {
            Ok(MoveInto::Refused)
        }

        async fn finish_move_into(&self, _: Uuid) -> Result<bool, MetadataError> {
            self.set(|state| state.moving_from = None).map(|()| true)
        }

        async fn set_moving_to(&self, _: Option<&str>) -> Result<(), MetadataError> {
            Ok(())
        }

        async fn set_moved_to(&self, target: &str, id: Uuid) -> Result<(), MetadataError> {
            self.set(|state| {
                state.moved_to = Some(target.to_owned());
                state.moved_to_id = Some(id);
            })
        }
    }

    /// Which of the two are served after a switch with a fault, and whether it came to its end.
    async fn switch(fault: Option<(usize, bool)>) -> (bool, [bool; 2]) {
        let (source_id, target_id) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let source = InstallationState {
            id: source_id,
            moving_from: None,
            moving_storage: None,
            moving_to: None,
            moved_to: None,
            moved_to_id: None,
        };
        let target = InstallationState {
            id: target_id,
            moving_from: Some(source_id),
            ..source.clone()
        };
        let stop = CancellationToken::new();
        let rows = Arc::new(Rows {
            states: Mutex::new([source, target]),
            fault,
            stop: stop.clone(),
        });
        let switch = Switch {
            source: Arc::new(Row(Arc::clone(&rows), 0)),
            source_id,
            target: Arc::new(Row(Arc::clone(&rows), 1)),
            target_id,
            place: "there",
            stop: &stop,
        };
        let made = switch.make().await.is_ok();
        let states = rows.states.lock().unwrap();
        (made, [is_served(&states[0]), is_served(&states[1])])
    }

    #[tokio::test]
    async fn wherever_it_is_cut_off_no_two_are_served() {
        for (fault, expected) in [
            (None, (true, [false, true])),
            (Some((0, false)), (false, [true, false])),
            (Some((0, true)), (false, [false, false])),
            (Some((1, false)), (false, [false, false])),
            (Some((1, true)), (false, [false, true])),
        ] {
            assert_eq!(switch(fault).await, expected, "{fault:?}");
        }
    }
}
