//! Keys, entries, heartbeats and a moment to start at.

use std::sync::atomic::{AtomicU64, Ordering};

use byway_api::transport_discovery::{Metrics, NodeView, TransportReport, TransportView};
use byway_base::{PublicKey, SecretKey, Stamp, TransportId, TransportType, UnixTime};
use byway_store::{StoreError, Transports, transports::Filter};
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

/// A heartbeat that was signed at the moment when it is taken, and is none of that moment's others.
pub(crate) async fn beat(
    registry: Transports<'_>,
    seed: u8,
    transit: bool,
    reports: &[TransportReport],
    now: UnixTime,
) -> Result<Vec<TransportId>, StoreError> {
    static BEATS: AtomicU64 = AtomicU64::new(1);
    let stamp = Stamp { created: now, mark: BEATS.fetch_add(1, Ordering::Relaxed) };
    registry.heartbeat(&key(seed), transit, reports, stamp, now).await
}

/// The whole registry as a reader gets it, a few at a time.
pub(crate) struct Snapshot {
    pub(crate) sequence: u64,
    pub(crate) nodes: Vec<NodeView>,
    pub(crate) transports: Vec<TransportView>,
}

pub(crate) async fn snapshot(registry: Transports<'_>) -> Snapshot {
    const PAGE: usize = 3;
    let sequence = registry.newest().await.unwrap();
    let (mut nodes, mut transports) = (Vec::<NodeView>::new(), Vec::<TransportView>::new());
    loop {
        let page = registry.nodes(nodes.last().map(|node| &node.key), PAGE).await.unwrap();
        let last = page.len() < PAGE;
        nodes.extend(page);
        if last {
            break;
        }
    }
    loop {
        let after = transports.last().map(|view| view.id);
        let page = registry.list(&Filter { after, ..Filter::default() }, PAGE).await.unwrap();
        let last = page.len() < PAGE;
        transports.extend(page);
        if last {
            return Snapshot { sequence, nodes, transports };
        }
    }
}
