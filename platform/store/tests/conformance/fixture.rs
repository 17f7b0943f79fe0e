//! Keys, entries and a moment to start at.

use byway_api::transport_discovery::{Metrics, TransportReport};
use byway_base::{PublicKey, SecretKey, TransportId, TransportType, UnixTime};
use byway_wire::{SignedTransportEntry, TransportEntry};

/// The tests' present.
pub(crate) const NOW: UnixTime = UnixTime(1_800_000_000);

pub(crate) fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

pub(crate) fn key(seed: u8) -> PublicKey {
    secret(seed).public()
}

pub(crate) fn later(seconds: u64) -> UnixTime {
    UnixTime(NOW.0 + seconds)
}

/// An entry that both edges signed.
pub(crate) fn signed(a: u8, b: u8, kind: &str, issued: UnixTime) -> SignedTransportEntry {
    let kind = TransportType::new(kind).unwrap();
    let (a, b) = (secret(a), secret(b));
    let entry = TransportEntry::new(a.public(), b.public(), kind, issued);
    let (by_a, by_b) = (entry.sign(&a), entry.sign(&b));
    entry.with_signatures(&a.public(), by_a, by_b)
}

pub(crate) fn report(id: TransportId, up: bool, rtt_us: u32) -> TransportReport {
    TransportReport { id, up, metrics: Metrics { rtt_us, ..Metrics::default() } }
}
