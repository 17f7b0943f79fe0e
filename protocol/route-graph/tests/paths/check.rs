//! Paths chosen by hand.

use byway_base::{TransportId, policy::Preference};
use byway_route_graph::{FoundPath, PathError, check_path};

use crate::model::{KEYS, Network, link};

/// 0 - 1 - 2 - 3, with 1 - 3 and a second transport 2 - 3; node 2 refuses transit, 1 - 3 is down.
fn check(transports: &[TransportId]) -> Result<FoundPath, PathError> {
    let mut network =
        Network::of(vec![link(0, 1, 0, 10), link(1, 2, 0, 20), link(2, 3, 0, 30), link(2, 3, 1, 40)]);
    network.transports.push(link(1, 3, 0, 50));
    network.transports[4].up = [true, false];
    network.no_transit.insert(KEYS[2]);
    let csr = network.graph().snapshot();
    check_path(&csr, &KEYS[0], &KEYS[2], transports, Preference::Latency)
}

fn id(a: usize, b: usize) -> TransportId {
    link(a, b, 0, 0).id
}

#[test]
fn a_sound_path_comes_back_with_its_totals() {
    let path = check(&[id(0, 1), id(1, 2)]).unwrap();
    assert_eq!((path.cost, path.rtt_us, path.hops.len()), (30, 30, 2));
    assert_eq!((path.hops[0].from, path.hops[1].to), (KEYS[0], KEYS[2]));
}

#[test]
fn each_fault_is_named_with_its_place() {
    assert_eq!(check(&[]), Err(PathError::Empty));
    assert_eq!(check(&[id(0, 1); 17]), Err(PathError::TooLong { hops: 17 }));
    let gap = PathError::NotAttached { hop: 2, node: KEYS[1], transport: id(2, 3) };
    assert_eq!(check(&[id(0, 1), id(2, 3)]), Err(gap));
    assert_eq!(check(&[id(0, 1), id(1, 3)]), Err(PathError::Down { hop: 2, transport: id(1, 3) }));
    assert_eq!(check(&[id(0, 1), id(0, 1)]), Err(PathError::Loop { hop: 2, node: KEYS[0] }));
    assert_eq!(check(&[id(0, 1), id(1, 2), id(2, 3)]), Err(PathError::RefusesTransit(KEYS[2])));
    assert_eq!(check(&[id(0, 1)]), Err(PathError::EndsElsewhere(KEYS[1])));
    let csr = Network::of(vec![link(0, 1, 0, 1)]).graph().snapshot();
    let elsewhere = check_path(&csr, &KEYS[0], &KEYS[9], &[id(0, 1)], Preference::Hops);
    assert_eq!(elsewhere, Err(PathError::UnknownDestination(KEYS[9])));
}
