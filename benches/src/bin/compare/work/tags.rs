//! Work on a repository that has many tags: neither a new tag nor a page of the list may cost
//! more because of those that are there.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::image::ImageFamily;
use super::{Figure, Load, REGISTRIES, Scenario, Work, prepare_each, pushers};
use crate::client::Answer;
use crate::content::{Xorshift, next_serial};
use crate::load::{self, Done, Limit, Turn};
use crate::options::{Options, Stores};
use crate::registry::{Pusher, request};
use crate::servers::{Server, Side};

const REPOSITORY: &str = "team/monorepo";

/// Tags of one page.
const PAGE: u32 = 100;

/// Different pages that are asked for, spread over the whole list.
const PAGES: u32 = 64;

/// The fewest new tags of one turn; otherwise a third of those present, so that "N tags present"
/// stays about true.
const FEWEST_NEW: u32 = 1000;

/// The same where each tag costs several requests to a store.
const FEWEST_NEW_ON_SHARED_STORES: u32 = 200;

/// The most.
const MOST_NEW: u32 = 10_000;

/// Two lines for one number of tags.
pub(super) struct Tags {
    present: u32,
    peer_present: u32,
    fewest_new: u32,
    clients: u32,
    turn: Duration,
}

impl Tags {
    pub(super) fn new(present: u32, options: &Options) -> Self {
        Self {
            present,
            peer_present: present.min(options.peer_tags()),
            fewest_new: match options.stores {
                Stores::Local => FEWEST_NEW,
                Stores::Shared => FEWEST_NEW_ON_SHARED_STORES,
            },
            clients: options.clients,
            turn: options.turn(),
        }
    }
}

impl Scenario for Tags {
    fn works(&self) -> Vec<Work> {
        let present = self.present;
        let fewer = (self.peer_present < present).then(|| format!("{} tags", self.peer_present));
        let work = |key: &str, title: &str| {
            let (key, title) = (
                format!("{key}-{present}"),
                format!("{title} {present} tags"),
            );
            Work {
                peer_note: fewer.clone(),
                ..Work::new(key, title, Figure::Operations)
            }
        };
        vec![
            work("tags-list", "tags list n=100 of"),
            work("tag-put", "tag PUT among"),
        ]
    }

    fn sides(&self) -> &'static [Side] {
        REGISTRIES
    }

    fn prepare(&self, server: &Server) -> Result<Box<dyn Load>> {
        let present = match server.side {
            Side::Berth | Side::Floor => self.present,
            Side::Distribution => self.peer_present,
        };
        let mut first = Pusher::new(server.connect()?);
        let image = ImageFamily::new().push(&mut first, REPOSITORY, &tag(0))?;
        let manifest = image.manifest;
        prepare_each(server, u64::from(present - 1), |pusher, number| {
            let tag = tag(u32::try_from(number)? + 1);
            pusher.put_manifest(REPOSITORY, &tag, &manifest)
        })?;
        let load = TagsLoad {
            manifest,
            present,
            new: (present / 3).clamp(self.fewest_new, MOST_NEW),
            clients: self.clients,
            turn: self.turn,
        };
        // A new connection: servers close one that was idle for as long as the preparation takes.
        load.check_pages(&mut Pusher::new(server.connect()?))?;
        Ok(Box::new(load))
    }
}

struct TagsLoad {
    manifest: Vec<u8>,
    present: u32,
    /// Tags that a turn puts.
    new: u32,
    clients: u32,
    turn: Duration,
}

impl Load for TagsLoad {
    fn turn(&mut self, work: usize, server: &mut Server) -> Result<Turn> {
        match work {
            0 => self.list(server),
            _ => self.put(server),
        }
    }
}

impl TagsLoad {
    fn list(&self, server: &Server) -> Result<Turn> {
        let pages = self.pages();
        let mut clients: Vec<_> = pushers(server, self.clients)?
            .into_iter()
            .zip(0..)
            .collect();
        load::drive(
            server,
            &mut clients,
            Limit::Time(self.turn),
            |(client, next)| {
                let page: &Vec<u8> = &pages[*next % pages.len()];
                *next += 1;
                client
                    .connection()
                    .exchange(page, Answer::WithBody)?
                    .expect_status(200)?;
                Ok(Done::default())
            },
        )
    }

    fn put(&self, server: &Server) -> Result<Turn> {
        let present = self.present;
        let new = Limit::Operations(u64::from(self.new));
        let mut clients = pushers(server, self.clients)?;
        load::drive(server, &mut clients, new, |pusher| {
            // New tags fall between those present, wherever these are.
            let serial = next_serial();
            let place = Xorshift::new(serial).next() % u64::from(present);
            let tag = format!("{}-{serial}", tag(u32::try_from(place)?));
            pusher.put_manifest(REPOSITORY, &tag, &self.manifest)?;
            Ok(Done::default())
        })
    }

    /// Requests for pages spread over the list; all but those of very short lists are full.
    fn pages(&self) -> Vec<Vec<u8>> {
        let last_full = self.present.saturating_sub(PAGE + 1);
        let places = (0..PAGES).map(|page| last_full / PAGES * page);
        places
            .map(|place| {
                let last = tag(place);
                request(
                    "GET",
                    &format!("/v2/{REPOSITORY}/tags/list?n={PAGE}&last={last}"),
                )
            })
            .collect()
    }

    fn check_pages(&self, pusher: &mut Pusher) -> Result<()> {
        let expected = self.present.saturating_sub(1).min(PAGE);
        for page in self.pages() {
            let response = pusher.connection().exchange(&page, Answer::WithBody)?;
            response.expect_status(200)?;
            let page: serde_json::Value = serde_json::from_slice(response.body)?;
            let tags = page["tags"].as_array().map_or(0, Vec::len);
            ensure!(
                tags == usize::try_from(expected)?,
                "a page has {tags} tags, not {expected}"
            );
        }
        Ok(())
    }
}

/// Names whose order is that of their numbers.
fn tag(number: u32) -> String {
    format!("build-{number:07}")
}
