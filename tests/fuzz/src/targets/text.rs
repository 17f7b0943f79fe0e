//! Text that people type: what is accepted prints as text that reads back as the same value.

use std::{fmt, str::FromStr};

use byway_base::{OverlayAddress, Policy, PublicKey, limits::HOPS_MAX};

/// Parses, prints and parses again.
fn reads_back<T: FromStr + fmt::Display + fmt::Debug + PartialEq>(data: &[u8]) -> Option<T> {
    let value: T = std::str::from_utf8(data).ok()?.parse().ok()?;
    let printed = value.to_string();
    let again: Option<T> = printed.parse().ok();
    assert_eq!(again.as_ref(), Some(&value), "'{printed}' does not read back");
    Some(value)
}

pub(super) fn public_key(data: &[u8]) {
    if let Some(key) = reads_back::<PublicKey>(data) {
        assert_eq!(key.to_hex().parse(), Ok(key));
        assert_eq!(key.to_base58().parse(), Ok(key));
    }
}

pub(super) fn overlay_address(data: &[u8]) {
    if let Some(address) = reads_back::<OverlayAddress>(data) {
        assert_ne!(address.port.0, 0, "port 0 is no address of an app");
    }
}

pub(super) fn policy(data: &[u8]) {
    if let Some(policy) = reads_back::<Policy>(data) {
        assert!(policy.hops_least() <= policy.hops_most() && policy.hops_most() <= HOPS_MAX);
        assert!(policy.via.iter().all(|key| !policy.avoid.contains(key)));
    }
}
