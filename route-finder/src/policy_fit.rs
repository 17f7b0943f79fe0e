//! Whether a path that somebody chose by hand fits a policy.

use byway_base::{Policy, PublicKey};
use byway_route_graph::{Constraint, FoundPath};

/// Everything in `policy` that `path` violates; empty if it fits.
pub(crate) fn violated(policy: &Policy, path: &FoundPath) -> Vec<Constraint> {
    let mut violated = Vec::new();
    if path.hops.len() < policy.hops_least() {
        violated.push(Constraint::HopsMin(policy.hops_least()));
    }
    if path.hops.len() > policy.hops_most() {
        violated.push(Constraint::HopsMax(policy.hops_most()));
    }
    let intermediates: Vec<PublicKey> = path.intermediates().collect();
    let mut crossed = intermediates.iter();
    let missed = policy.via.iter().filter(|via| !crossed.any(|key| key == *via));
    violated.extend(missed.map(|via| Constraint::Via(*via)));
    let avoided = intermediates.iter().filter(|key| policy.avoid.contains(key));
    violated.extend(avoided.map(|key| Constraint::Avoid(*key)));
    for hop in &path.hops {
        let barred = Constraint::Type(hop.kind.clone());
        if !policy.allows_type(&hop.kind) && !violated.contains(&barred) {
            violated.push(barred);
        }
    }
    violated
}

#[cfg(test)]
mod tests {
    use byway_base::{SecretKey, TransportId, TransportType};
    use byway_route_graph::{Hop, Metrics};

    use super::*;

    fn key(seed: u8) -> PublicKey {
        SecretKey::from_seed([seed; 32]).public()
    }

    /// 1 -tcp- 2 -quic- 3.
    fn path() -> FoundPath {
        let hop = |from, to, kind| {
            let (from, to, kind) = (key(from), key(to), TransportType::new(kind).unwrap());
            Hop {
                transport: TransportId::derive(&from, &to, &kind),
                from,
                to,
                kind,
                metrics: Metrics::default(),
            }
        };
        let hops = vec![hop(1, 2, "tcp"), hop(2, 3, "quic")];
        FoundPath {
            hops,
            cost: 2,
            rtt_us: 0,
            loss_ppm: 0,
            throughput_bps: 0,
            disjoint_rank: None,
            proven: true,
        }
    }

    fn judge(policy: &str) -> Vec<Constraint> {
        violated(&policy.parse().unwrap(), &path())
    }

    #[test]
    fn a_path_fits_what_it_does_not_violate() {
        let fitting = format!("hops=2 via={} avoid={},{} types=tcp,quic", key(2), key(1), key(4));
        assert_eq!(judge(&fitting), [], "the ends of a path may be avoided as intermediates");
    }

    #[test]
    fn every_violation_is_named() {
        assert_eq!(judge("hops>=3"), [Constraint::HopsMin(3)]);
        assert_eq!(judge("hops<=1"), [Constraint::HopsMax(1)]);
        assert_eq!(judge(&format!("via={}", key(4))), [Constraint::Via(key(4))]);
        assert_eq!(judge(&format!("via={},{}", key(4), key(2)))[0], Constraint::Via(key(4)));
        assert_eq!(judge(&format!("avoid={}", key(2))), [Constraint::Avoid(key(2))]);
        assert_eq!(judge("types=!quic"), [Constraint::Type(TransportType::new("quic").unwrap())]);
    }
}
