//! Verifying a path that somebody chose by hand.

use byway_base::{PublicKey, TransportId, limits::HOPS_MAX, policy::Preference};

use crate::{
    Csr, FoundPath, hop_cost, metric,
    path::{RawHop, RawPath},
};

/// What is wrong with a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It has no hop.
    #[error("the path has no hop")]
    Empty,
    /// It has more hops than any path may have.
    #[error("the path has {hops} hops, at most {HOPS_MAX} are allowed")]
    TooLong {
        /// How many it has.
        hops: usize,
    },
    /// No transport of the source was ever heard of.
    #[error("the source {} is not in the graph", .0.short())]
    UnknownSource(PublicKey),
    /// No transport of the destination was ever heard of.
    #[error("the destination {} is not in the graph", .0.short())]
    UnknownDestination(PublicKey),
    /// It is not contiguous: the transport is unknown, or has no edge at the node where it would be entered.
    #[error("hop {hop}: {} has no transport {}", node.short(), transport.short())]
    NotAttached {
        /// Counted from 1.
        hop: usize,
        /// The node that the path has come to.
        node: PublicKey,
        /// The transport that should lead on.
        transport: TransportId,
    },
    /// A transport is down.
    #[error("hop {hop}: the transport {} is down", transport.short())]
    Down {
        /// Counted from 1.
        hop: usize,
        /// The transport.
        transport: TransportId,
    },
    /// It comes to a node for the second time.
    #[error("hop {hop} returns to {}", node.short())]
    Loop {
        /// Counted from 1.
        hop: usize,
        /// The node.
        node: PublicKey,
    },
    /// An intermediate refuses transit.
    #[error("{} refuses transit", .0.short())]
    RefusesTransit(PublicKey),
    /// It ends at another node than the destination.
    #[error("the path ends at {}", .0.short())]
    EndsElsewhere(PublicKey),
}

/// Verifies that `transports` lead from `from` to `to`: contiguous, free of loops, up, across nodes that allow transit.
/// Ranks the path under `prefer`, so that it compares with those that [`crate::find`] gives.
///
/// # Errors
/// [`PathError`], the first in the order of the path.
pub fn check_path(
    csr: &Csr,
    from: &PublicKey,
    to: &PublicKey,
    transports: &[TransportId],
    prefer: Preference,
) -> Result<FoundPath, PathError> {
    match transports.len() {
        0 => return Err(PathError::Empty),
        hops if hops > HOPS_MAX => return Err(PathError::TooLong { hops }),
        _ => {}
    }
    let source = csr.node(from).ok_or(PathError::UnknownSource(*from))?;
    let destination = csr.node(to).ok_or(PathError::UnknownDestination(*to))?;
    let metric = metric(prefer);
    let mut crossed = vec![source];
    let mut hops = Vec::with_capacity(transports.len());
    for (hop, transport) in (1..).zip(transports) {
        let at = crossed[hop - 1];
        if hop > 1 && csr.refuses_transit(at) {
            return Err(PathError::RefusesTransit(csr.key(at)));
        }
        let missing = PathError::NotAttached { hop, node: csr.key(at), transport: *transport };
        let mut steps = csr.range(at, true);
        let step = steps.find(|step| csr.id(csr.step(*step).transport) == *transport).ok_or(missing)?;
        if !csr.range(at, false).contains(&step) {
            return Err(PathError::Down { hop, transport: *transport });
        }
        let out = csr.step(step);
        if crossed.contains(&out.to) {
            return Err(PathError::Loop { hop, node: csr.key(out.to) });
        }
        crossed.push(out.to);
        let cost = hop_cost(metric, csr.metrics(out.transport));
        hops.push(RawHop::new(csr, out.transport, out.to, cost));
    }
    match crossed.last() {
        Some(end) if *end == destination => Ok(RawPath::new(source, hops).resolve(csr, None)),
        _ => Err(PathError::EndsElsewhere(csr.key(crossed[crossed.len() - 1]))),
    }
}
