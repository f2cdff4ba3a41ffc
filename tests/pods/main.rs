//! Pods are stateless: several servers on one database and one bucket are one registry, whichever of them is asked, and
//! any of them can die at any moment. What was acknowledged stays, and what was not is repaired or taken back.

#![expect(
    clippy::expect_used,
    reason = "a test reports a broken expectation by panicking"
)]

mod balanced;
mod cluster;
mod crashes;
mod inside;
mod moving;
mod storm;

use std::time::{Duration, Instant};

use berth_tests::{Response, client::RequestBuilder};
use tokio::time::sleep;

/// Long enough for anything that happens within seconds, on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

/// Waits until something is as it should be; says what it is like if it does not come to that.
async fn eventually<T: std::fmt::Debug>(what: &str, look: impl AsyncFn() -> Result<(), T>) {
    let deadline = Instant::now() + LIMIT;
    while let Err(state) = look().await {
        assert!(Instant::now() < deadline, "{what}: {state:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Sends a request until the answer is not 429: the session that it is about may still be held by a pod that is gone.
async fn patiently(request: impl Fn() -> RequestBuilder) -> Response {
    let deadline = Instant::now() + LIMIT;
    loop {
        let answer = request().send().await;
        if answer.status() != 429 || Instant::now() > deadline {
            return answer;
        }
        sleep(Duration::from_millis(100)).await;
    }
}
