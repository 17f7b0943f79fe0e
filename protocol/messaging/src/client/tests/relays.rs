//! Peers that share no server: reached through two.

use bytes::Bytes;

use super::*;

/// A client on servers 1 and 2 that knows its peer to be on servers 3 and 4.
fn apart() -> ClientCore {
    let mut core = connected(&[server(1), server(2)]);
    core.link_rtt(key(1), Duration::from_millis(30));
    core.link_rtt(key(2), Duration::from_millis(10));
    core.way(key(PEER), false, at(0));
    core.record_found(&node_record(PEER, &[3, 4]), at(600_000), at(0));
    effects(&mut core);
    core
}

fn relayed(via: u8, at: u8) -> Way {
    Way::Relayed { via: key(via), at: key(at) }
}

fn payload() -> Bytes {
    Bytes::from_static(b"sealed")
}

#[test]
fn a_peer_on_a_foreign_server_is_reached_at_once_through_the_nearest_own_server() {
    let mut core = apart();
    assert_eq!(core.way(key(PEER), false, at(1)), relayed(2, 3));
    assert!(effects(&mut core).is_empty());
}

#[test]
fn each_own_and_each_foreign_server_is_tried_until_one_pair_works() {
    let mut core = apart();
    for (via, foreign) in [(2, 3), (2, 4), (1, 3)] {
        assert_eq!(core.way(key(PEER), false, at(1)), relayed(via, foreign));
        core.gone_at(key(PEER), key(foreign), key(via), at(1));
    }
    assert_eq!(core.way(key(PEER), false, at(1)), relayed(1, 4));
    // The record may be out of date, so that it was asked for again, once.
    core.gone_at(key(PEER), key(4), key(1), at(1_500));
    assert_eq!(effects(&mut core), [Effect::LookUp { key: key(PEER) }]);
    core.record_found(&node_record_of(PEER, &[1], 2), at(600_000), at(1_600));
    assert_eq!(core.way(key(PEER), false, at(1_600)), Way::Through(key(1)));
}

#[test]
fn a_home_that_peers_do_not_know_of_yet_forwards_nothing() {
    let mut core = apart();
    core.draining(key(2), at(1));
    assert_eq!(core.way(key(PEER), false, at(2)), relayed(1, 3));
}

#[test]
fn an_answer_goes_back_through_the_same_two_servers() {
    let mut core = apart();
    assert_eq!(core.forwarded(key(PEER), key(4), key(1), payload(), at(1)), Some(payload()));
    assert_eq!(core.way(key(PEER), true, at(2)), relayed(1, 4));
    assert_eq!(core.relayed_peers(at(2)).collect::<Vec<_>>(), [(key(PEER), key(1), key(4))]);
    // Unless one server turns out to be enough.
    core.heard(key(PEER), key(2), at(3));
    assert_eq!(core.way(key(PEER), true, at(4)), Way::Through(key(2)));
}

#[test]
fn a_forwarded_datagram_counts_only_if_the_sources_record_names_that_server() {
    let mut core = apart();
    assert_eq!(core.forwarded(key(PEER), key(9), key(1), payload(), at(1)), None);
    // The record may be older than the peer's last move, so that it is looked up again, but no more than once a second.
    assert_eq!(core.forwarded(key(PEER), key(9), key(1), payload(), at(1_500)), None);
    assert_eq!(effects(&mut core), [Effect::LookUp { key: key(PEER) }]);
    core.record_found(&node_record_of(PEER, &[3], 2), at(600_000), at(1_600));
    assert_eq!(core.poll_released(), None);
    assert_eq!(core.way(key(PEER), true, at(1_700)), relayed(2, 3));
}

#[test]
fn datagrams_of_an_unknown_source_wait_for_its_record_and_are_then_delivered_in_order() {
    let mut core = connected(&[server(1), server(2)]);
    for n in 0..3_u8 {
        let payload = Bytes::copy_from_slice(&[n]);
        assert_eq!(core.forwarded(key(PEER), key(3), key(2), payload, at(1)), None);
    }
    assert_eq!(effects(&mut core), [Effect::LookUp { key: key(PEER) }]);
    core.record_found(&node_record(PEER, &[3]), at(600_000), at(2));
    for n in 0..3_u8 {
        assert_eq!(core.poll_released(), Some((key(PEER), Bytes::copy_from_slice(&[n]))));
    }
    assert_eq!(core.poll_released(), None);
    assert_eq!(core.way(key(PEER), true, at(3)), relayed(2, 3));
}

#[test]
fn a_source_without_a_record_is_not_heard() {
    let mut core = connected(&[server(1), server(2)]);
    assert_eq!(core.forwarded(key(PEER), key(3), key(2), payload(), at(1)), None);
    core.record_absent(key(PEER), at(2));
    assert_eq!(
        (core.poll_released(), core.forwarded(key(PEER), key(3), key(2), payload(), at(3))),
        (None, None)
    );
    assert_eq!(core.way(key(PEER), false, at(4)), Way::None(Unreachable::NoRecord));
}

#[test]
fn whoever_invents_sources_gets_a_bounded_number_of_look_ups_and_of_bytes() {
    let mut core = connected(&[server(1), server(2)]);
    let large = Bytes::from(vec![0; byway_base::limits::MESSAGING_PAYLOAD_MAX]);
    for n in 0..200 {
        for _ in 0..50 {
            assert_eq!(core.forwarded(key(n), key(201), key(1), large.clone(), at(1)), None);
        }
    }
    assert_eq!(effects(&mut core).len(), 64);
    // They are given up after a while, and others have their turn.
    core.forwarded(key(199), key(201), key(1), payload(), at(6_000));
    assert_eq!(effects(&mut core), [Effect::LookUp { key: key(199) }]);
}

#[test]
fn a_relayed_connection_outlives_its_sources_record_while_the_directory_is_away() {
    let mut core = connected(&[server(1), server(2)]);
    core.way(key(PEER), false, at(0));
    core.record_found(&node_record(PEER, &[3]), at(60_000), at(0));
    effects(&mut core);
    assert!(core.forwarded(key(PEER), key(3), key(1), payload(), at(20_000)).is_some());
    assert!(effects(&mut core).is_empty());
    // It is renewed in time, so that nothing has to wait.
    assert!(core.forwarded(key(PEER), key(3), key(1), payload(), at(40_000)).is_some());
    assert_eq!(effects(&mut core), [Effect::LookUp { key: key(PEER) }]);
    core.look_up_failed(key(PEER), at(50_000));
    assert!(core.forwarded(key(PEER), key(3), key(1), payload(), at(70_000)).is_some());
    core.look_up_failed(key(PEER), at(71_000));
    assert!(core.forwarded(key(PEER), key(3), key(1), payload(), at(72_000)).is_some());
    assert_eq!(core.way(key(PEER), true, at(72_000)), relayed(1, 3));
    assert_eq!(core.forwarded(key(PEER), key(4), key(1), payload(), at(72_001)), None);
}

#[test]
fn traffic_that_lasts_gets_a_link_of_its_own_and_then_takes_one_server_less() {
    let mut core = apart();
    core.record_found(&server_record(3), at(600_000), at(0));
    for _ in 0..40 {
        assert_eq!(core.way(key(PEER), true, at(1)), relayed(2, 3));
    }
    assert!(effects(&mut core).is_empty());
    for _ in 0..40 {
        assert_eq!(core.way(key(PEER), true, at(2)), relayed(2, 3));
    }
    assert_eq!(connects(&mut core), [key(3)]);
    core.link_up(key(3), at(3));
    assert_eq!(core.way(key(PEER), true, at(4)), Way::Through(key(3)));
    // It is no home: peers are not told of it.
    assert!(!core.delegated().contains(&key(3)));
}

#[test]
fn when_the_only_common_server_dies_the_two_remaining_ones_take_over() {
    let mut core = connected(&[server(1), server(2)]);
    core.way(key(PEER), false, at(0));
    core.record_found(&node_record(PEER, &[2, 3]), at(600_000), at(0));
    core.heard(key(PEER), key(2), at(1));
    assert_eq!(core.way(key(PEER), true, at(2)), Way::Through(key(2)));
    core.link_down(key(2), at(3));
    assert_eq!(core.way(key(PEER), true, at(4)), relayed(1, 2));
    core.gone_at(key(PEER), key(2), key(1), at(5));
    assert_eq!(core.way(key(PEER), true, at(6)), relayed(1, 3));
}
