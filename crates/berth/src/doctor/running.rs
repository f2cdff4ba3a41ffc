//! Whether a registry runs here already: its admin address is asked. Nothing else speaks to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::finding::Finding;
use super::patience::PATIENCE;

/// More than any answer of ours.
const LONGEST: u64 = 64 * 1024;

/// Who answers at the admin address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Running {
    /// Nobody.
    Nobody,
    /// A registry that takes requests.
    Ready,
    /// A registry that does not, and why.
    Unready(String),
    /// Another program, or one that says nothing.
    Stranger,
    /// It is not known where to ask.
    Unknown,
}

impl Running {
    /// Asks.
    pub(crate) async fn ask(admin: SocketAddr) -> Self {
        if admin.port() == 0 {
            return Self::Unknown;
        }
        let address = SocketAddr::new(reachable(admin.ip()), admin.port());
        let Ok(Ok(stream)) = timeout(PATIENCE, TcpStream::connect(address)).await else {
            return Self::Nobody;
        };
        match timeout(PATIENCE, readiness(stream, address)).await {
            Ok(Ok(answer)) => judge(&answer),
            Ok(Err(_)) | Err(_) => Self::Stranger,
        }
    }

    /// Whether it is a registry.
    pub(crate) fn is_registry(&self) -> bool {
        matches!(self, Self::Ready | Self::Unready(_))
    }

    /// What it says of itself.
    pub(crate) fn finding(&self, admin: SocketAddr) -> Option<Finding> {
        const CHECK: &str = "registry";
        match self {
            Self::Ready => Some(Finding::ok(
                CHECK,
                format!("runs here and is ready, says http://{admin}/readyz"),
            )),
            Self::Unready(why) => Some(Finding::fail(
                CHECK,
                format!("runs here and is not ready, says http://{admin}/readyz: {why}"),
                "what it stands on is examined below; its log tells since when and why",
            )),
            Self::Nobody | Self::Stranger | Self::Unknown => None,
        }
    }
}

/// Where to ask who listens on all addresses.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

async fn readiness(mut stream: TcpStream, address: SocketAddr) -> std::io::Result<String> {
    let request =
        format!("GET /readyz?verbose HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Reads lines such as `[+] metadata ok` and `[-] storage failed: …`.
fn judge(answer: &str) -> Running {
    let checks = answer.lines().filter(|line| line.starts_with("[+] "));
    let failed: Vec<&str> = answer
        .lines()
        .filter_map(|line| line.strip_prefix("[-] "))
        .collect();
    if !failed.is_empty() {
        Running::Unready(failed.join("; "))
    } else if checks.count() > 0 {
        Running::Ready
    } else {
        Running::Stranger
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_known_by_its_answer() {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n";
        let ready = format!("{head}[+] started ok\n[+] metadata ok\nok\n");
        assert_eq!(judge(&ready), Running::Ready);
        let unready = format!("{head}[+] started ok\n[-] metadata failed: gone\nnot ready\n");
        let why = "metadata failed: gone".to_owned();
        assert_eq!(judge(&unready), Running::Unready(why));
        assert_eq!(judge(&format!("{head}ok\n")), Running::Stranger);
        assert_eq!(judge("SSH-2.0-OpenSSH_9.2\r\n"), Running::Stranger);
    }
}
