//! How each side is started: its arguments, its configuration, and how it tells its address.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::Result;

use super::Side;
use super::spawn::{Started, printed_address};
use super::stores::Lent;
use crate::client::{Answer, Connection};
use crate::options::{LOOPBACK, PeerCache};

/// What it takes to start a side, and to start it again.
pub(super) struct Launch {
    pub(super) side: Side,
    pub(super) program: PathBuf,
    pub(super) peer_cache: PeerCache,
    pub(super) directory: PathBuf,
    /// Where it keeps its data; in its directory if nothing was lent.
    pub(super) lent: Option<Lent>,
}

impl Launch {
    /// A process that answers, and where.
    pub(super) fn start(&self) -> Result<(Child, SocketAddr)> {
        match self.side {
            Side::Berth => {
                let data = self.directory.join("data");
                let mut command = self.command();
                command.args(["serve", "--listen", "127.0.0.1:0"]);
                command
                    .args(["--admin-listen", "127.0.0.1:0", "--data-dir"])
                    .arg(data);
                if let Some(lent) = &self.lent {
                    lent.tell_berth(&mut command);
                }
                self.start_and_read_address(command)
            }
            Side::Floor => {
                let mut command = self.command();
                command.arg("floor").arg(&self.directory);
                self.start_and_read_address(command)
            }
            Side::Distribution => self.start_distribution(),
        }
    }

    /// Where its files lie, also those that a store keeps for it.
    pub(super) fn directories(&self) -> impl Iterator<Item = &Path> {
        let lent = self.lent.as_ref().map(|lent| lent.directory.as_path());
        std::iter::once(self.directory.as_path()).chain(lent)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().env("HOME", &self.directory);
        command
    }

    fn start_and_read_address(&self, command: Command) -> Result<(Child, SocketAddr)> {
        let mut started = Started::new(command, &self.directory)?;
        let address = started.wait_until(printed_address)?;
        Ok((started.into_child(), address))
    }

    /// Distribution does not tell which port it took, so one is found for it.
    fn start_distribution(&self) -> Result<(Child, SocketAddr)> {
        let directory = &self.directory;
        let address = TcpListener::bind((LOOPBACK, 0))?.local_addr()?;
        let file = directory.join("registry.yml");
        let driver = match &self.lent {
            Some(lent) => lent.distribution_driver(),
            None => filesystem_driver(directory),
        };
        fs::write(
            &file,
            distribution_configuration(address, self.peer_cache, &driver),
        )?;
        let mut command = self.command();
        command
            .arg("serve")
            .arg(&file)
            .env("OTEL_TRACES_EXPORTER", "none");
        let mut started = Started::new(command, directory)?;
        started.wait_until(|_| Ok(answers(address).then_some(())))?;
        Ok((started.into_child(), address))
    }
}

fn filesystem_driver(directory: &Path) -> String {
    format!(
        "filesystem: {{rootdirectory: \"{}\"}}",
        directory.join("data").display()
    )
}

/// The configuration of distribution's own container image, at this address and with this driver.
fn distribution_configuration(address: SocketAddr, cache: PeerCache, driver: &str) -> String {
    let cache = match cache {
        PeerCache::Memory => "  cache: {blobdescriptor: inmemory}\n",
        PeerCache::None => "",
    };
    format!(
        "version: 0.1\n\
         log: {{level: warn}}\n\
         storage:\n\
         {cache}  \
           {driver}\n  \
           delete: {{enabled: true}}\n\
         http: {{addr: \"{address}\", secret: compare}}\n"
    )
}

fn answers(address: SocketAddr) -> bool {
    let request = format!("GET /v2/ HTTP/1.1\r\nHost: {address}\r\n\r\n");
    Connection::open(address).is_ok_and(|mut connection| {
        let response = connection.exchange(request.as_bytes(), Answer::WithBody);
        response.is_ok_and(|response| response.head.status == 200)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_differs_in_the_cache_alone() {
        let of = |cache| {
            let address = "127.0.0.1:5000".parse().unwrap();
            distribution_configuration(address, cache, &filesystem_driver(Path::new("/d")))
        };
        let with = of(PeerCache::Memory);
        assert!(
            with.contains("\n  filesystem: {rootdirectory: \"/d/data\"}\n"),
            "{with}"
        );
        let line = "  cache: {blobdescriptor: inmemory}\n";
        assert_eq!(with.replace(line, ""), of(PeerCache::None));
    }
}
