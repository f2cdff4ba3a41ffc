//! The addresses it listens on: that they can be had, or who has them.
//!
//! An address is bound and not listened on, so that a registry that starts at this moment still gets it.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpSocket;

use super::finding::Finding;
use super::running::Running;
use crate::config::Configuration;

const CHECK: &str = "port";

/// Tries each address.
pub(crate) fn examine(configuration: &Configuration, running: &Running) -> Vec<Finding> {
    let listeners = [
        ("listen", Some(configuration.listen)),
        ("admin.listen", Some(configuration.admin.listen)),
        ("tls.redirect_listen", configuration.tls.redirect_listen),
    ];
    listeners
        .into_iter()
        .filter_map(|(setting, address)| Some((setting, address?.socket())))
        .map(|(setting, address)| judge(setting, address, bind(address), running))
        .collect()
}

fn bind(address: SocketAddr) -> io::Result<()> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // As the server does, so that connections of an earlier one that are still closing do not count.
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}

fn judge(setting: &str, address: SocketAddr, bound: io::Result<()>, running: &Running) -> Finding {
    let place = format!("{address} ({setting})");
    let Err(error) = bound else {
        return free(&place, address, running);
    };
    match (error.kind(), running) {
        (io::ErrorKind::AddrInUse, Running::Ready | Running::Unready(_)) => Finding::ok(
            CHECK,
            format!("{place} is held by the registry that runs here"),
        ),
        (io::ErrorKind::AddrInUse, Running::Unknown) => Finding::warn(
            CHECK,
            format!("{place} is in use, and whether by a registry cannot be asked"),
            "set admin.listen to a port other than 0, or make sure that it is this registry that has the address",
        ),
        (io::ErrorKind::AddrInUse, Running::Nobody | Running::Stranger) => Finding::fail(
            CHECK,
            format!("{place} is in use by another program"),
            format!("stop that one, or set {setting} to another address"),
        ),
        (io::ErrorKind::PermissionDenied, _) => Finding::fail(
            CHECK,
            format!("{place} may not be used by this user: ports below 1024 are for root"),
            format!("set {setting} to a higher port, or grant the capability CAP_NET_BIND_SERVICE"),
        ),
        (io::ErrorKind::AddrNotAvailable, _) => Finding::fail(
            CHECK,
            format!("{place} is not an address of this machine"),
            format!("set {setting} to one that is, or to 0.0.0.0 for all"),
        ),
        _ => Finding::fail(
            CHECK,
            format!("{place} cannot be listened on ({error})"),
            format!("set {setting} to another address"),
        ),
    }
}

fn free(place: &str, address: SocketAddr, running: &Running) -> Finding {
    if address.port() == 0 {
        return Finding::ok(CHECK, format!("{place} takes any port that is free"));
    }
    if running.is_registry() {
        return Finding::warn(
            CHECK,
            format!(
                "{place} is free, and yet a registry runs here: it was started with other settings"
            ),
            "restart it with these, or examine it with its own",
        );
    }
    Finding::ok(CHECK, format!("{place} is free"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Status;

    fn status(kind: Option<io::ErrorKind>, running: &Running) -> Status {
        let bound = kind.map_or(Ok(()), |kind| Err(kind.into()));
        let address = "127.0.0.1:5000".parse().unwrap();
        judge("listen", address, bound, running).status
    }

    #[test]
    fn who_has_an_address_decides() {
        use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
        let cases = [
            (None, Running::Nobody, Status::Ok),
            (None, Running::Ready, Status::Warn),
            (Some(AddrInUse), Running::Ready, Status::Ok),
            (Some(AddrInUse), Running::Unready(String::new()), Status::Ok),
            (Some(AddrInUse), Running::Unknown, Status::Warn),
            (Some(AddrInUse), Running::Nobody, Status::Fail),
            (Some(AddrInUse), Running::Stranger, Status::Fail),
            (Some(PermissionDenied), Running::Nobody, Status::Fail),
            (Some(AddrNotAvailable), Running::Nobody, Status::Fail),
        ];
        for (kind, running, expected) in cases {
            assert_eq!(status(kind, &running), expected, "{kind:?} {running:?}");
        }
    }

    #[test]
    fn binding_takes_an_address_from_nobody() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _context = runtime.enter();
        assert_eq!(bind(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(taken);
        bind(address).unwrap();
    }
}
