//! A transport as its row holds it, and what a claim of an edge changes about it.

use byway_api::transport_discovery::{EdgeClaim, Metrics, TransportState, TransportView};
use byway_base::{PublicKey, TransportType, UnixTime};
use byway_wire::{SignedTransportEntry, TransportEntry};

use crate::{
    StoreError,
    changes::Kind,
    db::{Row, wrong},
};

/// The text of a query for what [`Held::from_row`] reads, from `transports t`; what follows the tables is appended.
macro_rules! select_transports {
    ($from:literal, $rest:literal $(, $more:literal)?) => {
        concat!(
            "SELECT t.*, COALESCE(na.renewed, 0) AS renewed_a, COALESCE(nb.renewed, 0) AS renewed_b ",
            $($more,)?
            $from,
            " LEFT JOIN nodes na ON na.node = t.edge_a LEFT JOIN nodes nb ON nb.node = t.edge_b ",
            $rest
        )
    };
    ($rest:literal) => {
        select_transports!("FROM transports t", $rest)
    };
}
pub(crate) use select_transports;

/// Round-trip times that differ by less than this are the same, microseconds.
const RTT_NOISE_US: u32 = 500;
/// Losses that differ by less than this are the same, per million.
const LOSS_NOISE_PPM: u32 = 5_000;
/// Throughputs that differ by less than this are the same, bits per second.
const THROUGHPUT_NOISE_BPS: u64 = 100_000;

/// A row of `transports`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) view: TransportView,
    /// When each edge last changed what it says.
    pub(super) said: [UnixTime; 2],
    /// Since when the state is what it is.
    pub(super) since: UnixTime,
}

impl Held {
    /// A transport of which nobody has said anything yet.
    pub(super) fn new(signed: SignedTransportEntry, now: UnixTime) -> Self {
        let view = TransportView {
            id: signed.entry.id(),
            signed,
            state: TransportState::Down,
            claims: [EdgeClaim::default(); 2],
            metrics: Metrics::default(),
            sequence: 0,
        };
        Self { view, said: [UnixTime(0); 2], since: now }
    }

    pub(crate) fn from_row(row: &Row) -> Result<Self, StoreError> {
        let kind = TransportType::new(&row.text("kind")?).map_err(|_| wrong("kind"))?;
        let edges = [row.key("edge_a")?, row.key("edge_b")?];
        let entry = TransportEntry { edges, kind, issued: row.time("issued")? };
        let signatures = [row.signature("signature_a")?, row.signature("signature_b")?];
        let claims = [claim(row, &SIDES[0])?, claim(row, &SIDES[1])?];
        let view = TransportView {
            id: row.transport_id("id")?,
            signed: SignedTransportEntry { entry, signatures },
            state: if row.bool("up")? { TransportState::Up } else { TransportState::Down },
            claims,
            metrics: claims[0].metrics.worse(claims[1].metrics),
            sequence: row.count("sequence")?,
        };
        Ok(Self { view, said: [row.time("said_a")?, row.time("said_b")?], since: row.time("since")? })
    }

    /// Which edge a node is, if it is one.
    pub(super) fn side(&self, node: &PublicKey) -> Option<usize> {
        self.view.signed.entry.edges.iter().position(|edge| edge == node)
    }

    pub(super) fn is_up(&self) -> bool {
        self.view.state == TransportState::Up
    }

    /// Takes what an edge says; answers the kind of change, or `None` if it is no news. Measurements that differ by
    /// noise are no news and are not kept, so that a slow drift becomes news in the end.
    pub(super) fn claim(&mut self, side: usize, up: bool, metrics: Metrics, now: UnixTime) -> Option<Kind> {
        let claim = &mut self.view.claims[side];
        let turned = claim.up != up;
        if !differs(*claim, up, metrics) {
            return None;
        }
        (claim.up, claim.metrics) = (up, metrics);
        if turned {
            self.said[side] = now;
        }
        self.view.metrics = self.view.claims[0].metrics.worse(self.view.claims[1].metrics);
        let both = self.view.claims.iter().all(|claim| claim.up);
        if both == self.is_up() {
            return Some(Kind::Metrics);
        }
        self.view.state = if both { TransportState::Up } else { TransportState::Down };
        self.since = now;
        Some(Kind::State)
    }
}

struct Side {
    up: &'static str,
    renewed: &'static str,
    rtt: &'static str,
    loss: &'static str,
    throughput: &'static str,
}

const SIDES: [Side; 2] = [
    Side { up: "up_a", renewed: "renewed_a", rtt: "rtt_a", loss: "loss_a", throughput: "use_a" },
    Side { up: "up_b", renewed: "renewed_b", rtt: "rtt_b", loss: "loss_b", throughput: "use_b" },
];

fn claim(row: &Row, side: &Side) -> Result<EdgeClaim, StoreError> {
    Ok(EdgeClaim {
        up: row.bool(side.up)?,
        renewed_at: row.time(side.renewed)?,
        metrics: Metrics {
            rtt_us: row.small(side.rtt)?,
            loss_ppm: row.small(side.loss)?,
            throughput_bps: row.count(side.throughput)?,
        },
    })
}

/// Whether what an edge says now is news after what it said before.
pub(super) fn differs(claim: EdgeClaim, up: bool, metrics: Metrics) -> bool {
    claim.up != up || is_material(claim.metrics, metrics)
}

/// Whether measurements differ enough for readers to care: by more than a tenth and by more than noise.
fn is_material(old: Metrics, new: Metrics) -> bool {
    let differs = |old: u64, new: u64, noise: u64| {
        let difference = old.abs_diff(new);
        difference > noise && difference > old.max(new) / 10
    };
    differs(old.rtt_us.into(), new.rtt_us.into(), RTT_NOISE_US.into())
        || differs(old.loss_ppm.into(), new.loss_ppm.into(), LOSS_NOISE_PPM.into())
        || differs(old.throughput_bps, new.throughput_bps, THROUGHPUT_NOISE_BPS)
        // The first measurement is news however small it is.
        || ((old.rtt_us == 0) != (new.rtt_us == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(rtt_us: u32, loss_ppm: u32, throughput_bps: u64) -> Metrics {
        Metrics { rtt_us, loss_ppm, throughput_bps }
    }

    #[test]
    fn measurements_are_news_when_they_differ_by_more_than_a_tenth_and_by_more_than_noise() {
        let old = metrics(20_000, 0, 1_000_000);
        for (new, news) in [
            (metrics(21_999, 0, 1_000_000), false),
            (metrics(22_500, 0, 1_000_000), true),
            (metrics(20_000, 4_000, 1_000_000), false),
            (metrics(20_000, 6_000, 1_000_000), true),
            (metrics(20_000, 0, 1_099_999), false),
            (metrics(20_000, 0, 1_200_000), true),
        ] {
            assert_eq!(is_material(old, new), news, "{new:?}");
        }
        assert!(!is_material(metrics(100, 0, 0), metrics(300, 0, 0)), "within noise");
        assert!(is_material(metrics(0, 0, 0), metrics(100, 0, 0)), "the first measurement");
    }
}
