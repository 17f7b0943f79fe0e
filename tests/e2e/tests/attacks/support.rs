//! What the attacks are made with: the services and nodes that are attacked, and hands that do by themselves what only
//! honest programs do otherwise.

mod apps;
mod book;
mod crossing;
mod frames;
mod garbage;
mod hand;
mod link;
mod path;
mod services;

use std::time::Duration;

use byway_base::{PublicKey, SecretKey};

pub(crate) use byway_e2e::{RawRequest, send_raw, verdict};

pub(crate) use apps::{PORT, dial_echo, echo, echo_of, exchange};
pub(crate) use book::{Book, LyingDiscovery, entry, view};
pub(crate) use crossing::HandNode;
pub(crate) use frames::endpoint_through;
pub(crate) use garbage::Garbage;
pub(crate) use hand::{Hand, Labels, listed};
pub(crate) use link::{ALPN, HandLink, LinkSender, authenticate};
pub(crate) use path::PacketPath;
pub(crate) use services::{Plane, Running, config_of, tcp, tcp_between, tcp_to};

/// After this a test gives up. None takes half of it on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The key pair that tests call by this number.
pub(crate) fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

/// Its public half.
pub(crate) fn key(seed: u8) -> PublicKey {
    secret(seed).public()
}

/// `count` bytes of which no two packets are alike.
pub(crate) fn pattern(count: usize) -> Vec<u8> {
    (0..count as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}
