//! The clocks of this machine and of a server, compared.

use super::finding::Finding;

/// Clocks that are kept right differ less, and a second of an answer's `Date` may be either way.
const NEAR: u64 = 30_000;
/// A signature is refused that is older than its time, or newer by 15 minutes at most servers; a URL may be 5 minutes
/// old when it is made.
const FAR: u64 = 300_000;

/// Judges how many milliseconds the clock of `server` is ahead.
pub(crate) fn judge(check: &'static str, server: &str, ahead: i64, signed: Signed) -> Finding {
    let apart = ahead.unsigned_abs();
    let advice = "let both machines keep their time by NTP (chrony, systemd-timesyncd)";
    let way = if ahead < 0 { "behind" } else { "ahead of" };
    let detail = format!(
        "the clock of {server} is {} {way} this machine's",
        seconds(apart)
    );
    if apart <= NEAR {
        Finding::ok(check, detail)
    } else if apart <= FAR || signed == Signed::No {
        Finding::warn(check, detail, advice)
    } else {
        let detail = format!("{detail}, and signatures carry the time");
        Finding::fail(check, detail, advice)
    }
}

/// Whether requests carry the time of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    Yes,
    No,
}

fn seconds(milliseconds: u64) -> String {
    if milliseconds < 1_000 {
        "less than a second".to_owned()
    } else {
        format!("{} s", milliseconds / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Status;

    #[test]
    fn only_signatures_suffer_from_a_wrong_clock() {
        for (ahead, signed, expected) in [
            (900, Signed::Yes, Status::Ok),
            (-30_000, Signed::Yes, Status::Ok),
            (-31_000, Signed::Yes, Status::Warn),
            (301_000, Signed::Yes, Status::Fail),
            (301_000, Signed::No, Status::Warn),
        ] {
            let finding = judge("s3 clock", "s3", ahead, signed);
            assert_eq!(finding.status, expected, "{ahead}");
        }
        let detail = judge("s3 clock", "s3", -61_500, Signed::Yes).detail;
        assert_eq!(detail, "the clock of s3 is 61 s behind this machine's");
    }
}
