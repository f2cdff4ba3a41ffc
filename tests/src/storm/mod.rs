//! A storm: clients push in chunks, in one stream and at once, move and delete tags and images, mount and pull, while a
//! test does harm to the servers they speak to. They try again as real clients do, keep books of what was acknowledged,
//! and note every answer that the harm does not explain.

mod chance;
mod image;
mod ledger;
mod puller;
mod pusher;
mod session;

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::{join_all, join3};
use tokio::time::sleep;

pub use self::{chance::Chance, ledger::Ledger};
use self::{image::Image, puller::Puller, pusher::Pusher};
use crate::{Client, Repository, Response, client::RequestBuilder};

/// How many tags a repository has.
const TAGS: u64 = 6;

/// What is done to the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// They are killed: requests may stay without an answer.
    Kills,
    /// What they stand on fails, too, and something stands before them: 5xx is an answer.
    Outages,
}

/// How many clients there are, and what they do.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// Clients that push, each to a repository of its own.
    pub pushers: u64,
    /// Clients that pull.
    pub pullers: u64,
    /// The longest blob.
    pub largest_blob: u64,
    /// For how long a session that nobody touches stays.
    pub idle_timeout: Duration,
}

/// What happened, beside what the ledgers say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Uploads that went on where they were cut.
    pub resumed: usize,
    /// Images that were pulled whole.
    pub pulls: usize,
    /// Images that were deleted.
    pub deletions: usize,
    /// Blobs that were mounted from another repository.
    pub mounts: usize,
    /// Answers 429 and 5xx.
    pub refusals: usize,
    /// Requests without an answer.
    pub unanswered: usize,
}

/// What all clients share.
#[derive(Debug)]
pub struct Storm {
    harm: Harm,
    crowd: Crowd,
    client: Mutex<Client>,
    over: AtomicBool,
    // What was acknowledged and is not being deleted, with its repository, for those who pull.
    images: Mutex<Vec<(String, Image)>>,
    tally: Mutex<Tally>,
    // Answers that no harm explains.
    faults: Mutex<Vec<String>>,
}

impl Storm {
    /// A storm on the server that this client speaks to.
    pub fn new(harm: Harm, crowd: Crowd, client: Client) -> Self {
        Self {
            harm,
            crowd,
            client: Mutex::new(client),
            over: AtomicBool::new(false),
            images: Mutex::default(),
            tally: Mutex::default(),
            faults: Mutex::default(),
        }
    }

    /// Lets the clients work while harm is done. When it is over, returns what was promised to those who pushed.
    pub async fn rage(&self, seed: u64, harm: impl Future<Output = ()>) -> Vec<Ledger> {
        let Crowd {
            pushers, pullers, ..
        } = self.crowd;
        let chance = |stream| Chance::new(seed, stream);
        let pushing = (0..pushers).map(|number| Pusher::new(self, number, chance(number)).run());
        let pulling = (0..pullers).map(|number| Puller::new(self, chance(pushers + number)).run());
        let harm = async {
            harm.await;
            self.over.store(true, Ordering::Relaxed);
        };
        let (ledgers, _, ()) = join3(join_all(pushing), join_all(pulling), harm).await;
        ledgers
    }

    /// Everything that is not as these ledgers have it, asked of one server.
    pub async fn losses(ledgers: &[Ledger], client: &Client) -> Vec<String> {
        let losses: Vec<_> = join_all(ledgers.iter().map(|ledger| ledger.losses(client))).await;
        losses.concat()
    }

    /// The server is to be reached through this client from now on.
    pub fn speak_to(&self, client: Client) {
        *locked(&self.client) = client;
    }

    /// What happened.
    pub fn tally(&self) -> Tally {
        *locked(&self.tally)
    }

    /// Answers that no harm explains.
    pub fn faults(&self) -> Vec<String> {
        locked(&self.faults).clone()
    }

    fn repository(&self, name: &str) -> Repository {
        Repository::new(locked(&self.client).clone(), name)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn fault(&self, text: String) {
        locked(&self.faults).push(text);
    }

    fn count(&self, of: impl FnOnce(&mut Tally) -> &mut usize) {
        *of(&mut locked(&self.tally)) += 1;
    }

    fn list(&self, repository: &str, image: &Image) {
        locked(&self.images).push((repository.to_owned(), image.clone()));
    }

    fn take_off_the_list(&self, image: &Image) {
        locked(&self.images).retain(|(_, listed)| listed.digest() != image.digest());
    }

    fn lists(&self, image: &Image) -> bool {
        let images = locked(&self.images);
        images
            .iter()
            .any(|(_, listed)| listed.digest() == image.digest())
    }

    fn some_image(&self, chance: &mut Chance) -> Option<(String, Image)> {
        chance.of(&locked(&self.images)).cloned()
    }

    /// Sends a request. `None`: there was no answer, or one that asks to try again, or one that should never come,
    /// which is noted.
    async fn ask(&self, request: RequestBuilder, expected: &[u16]) -> Option<Response> {
        self.judge(request.try_send().await, expected).await
    }

    /// The same for a request that may be sent elsewhere.
    async fn ask_following(&self, request: RequestBuilder, expected: &[u16]) -> Option<Response> {
        self.judge(request.try_send_following().await, expected)
            .await
    }

    async fn judge(&self, answer: anyhow::Result<Response>, expected: &[u16]) -> Option<Response> {
        let Ok(answer) = answer else {
            self.count(|tally| &mut tally.unanswered);
            self.pause().await;
            return None;
        };
        if expected.contains(&answer.status()) {
            return Some(answer);
        }
        let explained = match answer.status() {
            429 => true,
            500..=599 => self.harm == Harm::Outages,
            _ => false,
        };
        if explained {
            self.count(|tally| &mut tally.refusals);
            self.pause().await;
        } else {
            self.fault(format!("{answer:?}"));
        }
        None
    }

    /// Before another attempt. A statement that a killed server sent to its database may be carried out a moment
    /// later: no other write of the same client should come before it.
    async fn pause(&self) {
        let time = match self.harm {
            Harm::Kills => Duration::from_millis(50),
            Harm::Outages => Duration::from_millis(300),
        };
        sleep(time).await;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
