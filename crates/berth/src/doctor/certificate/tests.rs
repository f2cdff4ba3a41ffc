//! `chain.pem` holds a certificate for `registry.example.com`, `*.example.net` and 192.0.2.1, valid for 90 days of
//! 2026 and 2027, and that of its issuer.

use super::*;
use crate::doctor::finding::Status;

fn chain() -> Vec<Certificate> {
    let blocks = pem::blocks(include_str!("chain.pem"), "CERTIFICATE").unwrap();
    let parse = |der: &Vec<u8>| Certificate::parse(der).unwrap();
    blocks.iter().map(parse).collect()
}

#[test]
fn its_end_comes_nearer() {
    let chain = chain();
    let (begin, end) = (chain[0].not_before.seconds, chain[0].not_after.seconds);
    assert_eq!(end - begin, 90 * DAY);
    for (now, expected) in [
        (begin - 1, Status::Fail),
        (end - 15 * DAY, Status::Ok),
        (end - 13 * DAY, Status::Warn),
        (end, Status::Fail),
    ] {
        assert_eq!(validity(&chain, now).status, expected, "{now}");
    }
    let soon = validity(&chain, end - 13 * DAY);
    assert_eq!(soon.detail, "it ends on 2027-02-19, in 13 days");
}

#[test]
fn the_order_of_a_chain_is_seen() {
    let right = chain();
    let wrong: Vec<_> = right.iter().rev().cloned().collect();
    assert_eq!(order(&right).status, Status::Ok);
    assert_eq!(order(&right[..1]).status, Status::Ok);
    assert_eq!(order(&right[1..]).status, Status::Ok);
    assert_eq!(order(&wrong).status, Status::Warn);
}

#[test]
fn it_is_for_the_names_in_it() {
    let own = &chain()[0];
    for (host, expected) in [
        ("registry.example.com", Status::Ok),
        ("registry.example.net", Status::Ok),
        ("192.0.2.1", Status::Ok),
        ("192.0.2.2", Status::Fail),
        ("other.example.com", Status::Fail),
        ("example.net", Status::Fail),
    ] {
        assert_eq!(names(own, Some(host)).status, expected, "{host}");
    }
    assert_eq!(names(own, None).status, Status::Ok);
    let named = names(own, None).detail;
    assert!(
        named.contains("registry.example.com, *.example.net, 192.0.2.1"),
        "{named}"
    );
}
