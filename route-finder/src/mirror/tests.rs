//! What enters the graph, and what does not.

use byway_api::transport_discovery::{EdgeClaim, Metrics as Measured};
use byway_base::{SecretKey, Signature, TransportType, UnixTime};
use byway_wire::TransportEntry;

use super::*;

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

fn transport(a: u8, b: u8, issued: u64) -> TransportView {
    let (a, b) = (secret(a), secret(b));
    let entry =
        TransportEntry::new(a.public(), b.public(), TransportType::new("tcp").unwrap(), UnixTime(issued));
    let (by_a, by_b) = (entry.sign(&a), entry.sign(&b));
    let signed = entry.with_signatures(&a.public(), by_a, by_b);
    TransportView {
        id: signed.entry.id(),
        signed,
        state: TransportState::Up,
        claims: [EdgeClaim::default(); 2],
        metrics: Measured::default(),
        sequence: 1,
    }
}

fn forged(mut view: TransportView) -> TransportView {
    view.signed.signatures[1] = Signature::from_bytes([7; 64]);
    view
}

fn loaded(transports: Vec<TransportView>, threads: usize) -> Mirror {
    let mut mirror = Mirror::begin(1);
    mirror.load(&transports, &Mirror::default(), threads);
    mirror
}

fn count(mirror: &mut Mirror) -> (usize, usize) {
    let counts = mirror.view().counts;
    (counts.transports, counts.usable)
}

#[test]
fn of_a_snapshot_only_what_both_edges_signed_enters_however_the_work_is_shared() {
    let turned = {
        let mut view = transport(4, 5, 1);
        view.signed.entry.edges.reverse();
        view.signed.signatures.reverse();
        view
    };
    let mut renamed = transport(5, 6, 1);
    renamed.id = transport(7, 8, 1).id;
    let transports =
        vec![transport(1, 2, 1), forged(transport(2, 3, 1)), turned, renamed, transport(3, 4, 1)];
    for threads in [0, 1, 2, 3, 16] {
        let mut mirror = loaded(transports.clone(), threads);
        assert_eq!(count(&mut mirror), (2, 2));
        for view in [&transports[0], &transports[4]] {
            assert!(mirror.graph.transport(&view.id).is_some());
        }
    }
    assert_eq!(count(&mut loaded(Vec::new(), 2)), (0, 0));
}

#[test]
fn an_entry_is_verified_once_and_anew_when_it_is_issued_anew_or_comes_back() {
    let known = transport(1, 2, 5);
    let mut mirror = loaded(vec![known.clone()], 1);
    let stripped = forged(known.clone());
    assert_eq!(judge(&mirror.graph, &stripped), Ok(()), "known by id and date");
    assert!(judge(&mirror.graph, &forged(transport(1, 2, 6))).is_err());
    let mut turned = stripped.clone();
    turned.signed.entry.edges.reverse();
    assert!(judge(&mirror.graph, &turned).is_err(), "the same id and date, but not the same entry");
    mirror.apply(2, ChangeKind::Removed { id: known.id });
    assert!(judge(&mirror.graph, &stripped).is_err());
    assert_eq!(count(&mut mirror), (0, 0));
}

#[test]
fn a_forged_change_leaves_what_is_known_as_it_is() {
    let known = transport(1, 2, 5);
    let mut mirror = loaded(vec![known.clone()], 1);
    let mut down = forged(transport(1, 2, 6));
    down.state = TransportState::Down;
    mirror.apply(2, ChangeKind::State { transport: down });
    mirror.apply(3, ChangeKind::Registered { transport: forged(transport(2, 3, 5)) });
    assert_eq!(count(&mut mirror), (1, 1));
    assert_eq!(mirror.sequence(), Some(3), "it was seen all the same");
}

#[test]
fn changes_end_where_a_snapshot_of_the_same_moment_does() {
    let (stays, goes, falls) = (transport(1, 2, 1), transport(2, 3, 1), transport(1, 3, 1));
    let down = TransportView { state: TransportState::Down, ..falls.clone() };
    let refusing = NodeView { key: secret(2).public(), transit: false };
    let mut changed = loaded(vec![goes.clone()], 1);
    for (sequence, change) in (2..).zip([
        ChangeKind::Registered { transport: stays.clone() },
        ChangeKind::Registered { transport: falls },
        ChangeKind::Node { node: refusing },
        ChangeKind::State { transport: down.clone() },
        ChangeKind::Expired { id: goes.id },
    ]) {
        changed.apply(sequence, change);
    }
    let mut whole = Mirror::begin(6);
    whole.load_nodes(vec![refusing]);
    whole.load(&[down, stays], &Mirror::default(), 2);
    assert_eq!(changed.sequence(), whole.sequence());
    assert!(*changed.view().csr == *whole.view().csr);
}
