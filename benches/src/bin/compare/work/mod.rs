//! What is measured: scenarios, each with fresh servers and some lines of the table.
//!
//! A scenario prepares each server once; its lines then use what is there. A line's turns go round
//! the servers (A B A B …), so that a machine that gets slower does so for all.

mod idle;
mod image;
mod large;
mod push;
mod reads;
mod redirects;
mod tags;
mod uploads;

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;

use crate::load::{self, Limit, Turn};
use crate::options::{Options, Stores};
use crate::registry::Pusher;
use crate::servers::{Server, Side};

/// What a line's figures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Operations a second, CPU for each.
    Operations,
    /// MiB a second, CPU for each GiB.
    Volume,
    /// Memory only.
    Memory,
}

/// A line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// As `--only` takes it.
    pub(crate) key: String,
    pub(crate) title: String,
    pub(crate) figure: Figure,
    /// The title of the last step's own line, where it is looked at on its own.
    pub(crate) last_step: Option<&'static str>,
    /// How distribution's load differs, where it does.
    pub(crate) peer_note: Option<String>,
}

impl Work {
    fn new(key: impl Into<String>, title: impl Into<String>, figure: Figure) -> Self {
        Self {
            key: key.into(),
            title: title.into(),
            figure,
            last_step: None,
            peer_note: None,
        }
    }
}

/// Some lines that share what a server was prepared with.
pub(crate) trait Scenario {
    /// Its lines, in the order in which they are measured.
    fn works(&self) -> Vec<Work>;

    /// The servers that take part.
    fn sides(&self) -> &'static [Side];

    /// Puts onto a fresh server what the lines need there.
    fn prepare(&self, server: &Server) -> Result<Box<dyn Load>>;
}

/// A prepared server's load.
pub(crate) trait Load {
    /// One turn of the line with that place in [`Scenario::works`].
    fn turn(&mut self, work: usize, server: &mut Server) -> Result<Turn>;
}

/// Everything there is to measure on such stores, whether it was asked for or not.
pub(crate) fn scenarios(options: &Options) -> Vec<Box<dyn Scenario>> {
    match options.stores {
        Stores::Local => on_local_stores(options),
        Stores::Shared => on_shared_stores(options),
    }
}

fn on_local_stores(options: &Options) -> Vec<Box<dyn Scenario>> {
    let mut all: Vec<Box<dyn Scenario>> = vec![
        Box::new(reads::Warm::new(options)),
        Box::new(reads::Cold::new(options)),
        Box::new(push::ImagePush::new(options)),
    ];
    all.extend(tag_work(options));
    all.push(Box::new(large::Large::new(options)));
    all.push(Box::new(uploads::Uploads::on_local_stores()));
    all.push(Box::new(idle::Idle::new(options)));
    all
}

fn on_shared_stores(options: &Options) -> Vec<Box<dyn Scenario>> {
    let mut all: Vec<Box<dyn Scenario>> = vec![
        Box::new(reads::Warm::new(options)),
        Box::new(redirects::Redirects::new(options)),
        Box::new(push::ImagePush::new(options)),
    ];
    all.extend(tag_work(options));
    all.push(Box::new(large::Large::new(options)));
    for uploads in uploads::Uploads::on_shared_stores() {
        all.push(Box::new(uploads));
    }
    all
}

fn tag_work(options: &Options) -> impl Iterator<Item = Box<dyn Scenario>> {
    let numbers = options.tags().iter();
    numbers.map(|present| Box::new(tags::Tags::new(*present, options)) as Box<dyn Scenario>)
}

/// Both registries.
const REGISTRIES: &[Side] = &[Side::Berth, Side::Distribution];

/// Clients that push, each with a connection of its own.
fn pushers(server: &Server, count: u32) -> Result<Vec<Pusher>> {
    (0..count)
        .map(|_| Ok(Pusher::new(server.connect()?)))
        .collect()
}

/// Does something once for each number below `count`, with several clients at once, unmeasured.
fn prepare_each(
    server: &Server,
    count: u64,
    step: impl Fn(&mut Pusher, u64) -> Result<()> + Sync,
) -> Result<()> {
    /// Enough for a group commit to be worth it.
    const PREPARING_CLIENTS: u32 = 16;
    let next = AtomicU64::new(0);
    let mut clients = pushers(server, PREPARING_CLIENTS)?;
    load::drive(server, &mut clients, Limit::Operations(count), |pusher| {
        step(pusher, next.fetch_add(1, Ordering::Relaxed))?;
        Ok(load::Done::default())
    })?;
    Ok(())
}
