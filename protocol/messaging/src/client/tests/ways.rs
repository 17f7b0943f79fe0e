//! How a peer is reached.

use super::*;

#[test]
fn a_dialler_waits_for_the_record_and_then_goes_through_a_common_server() {
    let mut core = connected(&[server(1), server(2)]);
    assert_eq!(core.way(key(PEER), false, at(0)), Way::Pending);
    assert_eq!(effects(&mut core), [Effect::LookUp { key: key(PEER) }]);
    assert_eq!(core.way(key(PEER), false, at(1)), Way::Pending);
    assert!(effects(&mut core).is_empty());
    core.record_found(&node_record(PEER, &[2, 9]), at(60_000), at(2));
    assert_eq!(core.way(key(PEER), false, at(3)), Way::Through(key(2)));
}

#[test]
fn a_peer_without_a_record_is_told_apart_from_one_that_left_its_servers() {
    let mut core = connected(&[server(1), server(2)]);
    core.way(key(PEER), false, at(0));
    core.record_absent(key(PEER), at(1));
    assert_eq!(core.way(key(PEER), false, at(2)), Way::None(Unreachable::NoRecord));
    assert_eq!(core.way(key(PEER), false, at(1_500)), Way::Pending);
    core.record_found(&node_record(PEER, &[1]), at(60_000), at(1_600));
    assert_eq!(core.way(key(PEER), false, at(1_600)), Way::Through(key(1)));
    core.gone(key(PEER), key(1), at(1_700));
    // Server 2 may know how to get there: server 1 is the peer's own.
    assert_eq!(core.way(key(PEER), false, at(1_700)), Way::Relayed { via: key(2), at: key(1) });
    core.gone_at(key(PEER), key(1), key(2), at(1_700));
    assert_eq!(core.way(key(PEER), false, at(1_700)), Way::None(Unreachable::Gone));
    // The record may be out of date: after a moment it is asked for again, and then believed.
    assert_eq!(core.way(key(PEER), false, at(2_700)), Way::Pending);
    core.record_found(&node_record_of(PEER, &[2], 2), at(60_000), at(2_700));
    assert_eq!(core.way(key(PEER), false, at(2_700)), Way::Through(key(2)));
}

#[test]
fn without_a_directory_every_connected_server_is_tried() {
    let mut core = connected(&[server(1), server(2)]);
    core.way(key(PEER), false, at(0));
    core.look_up_failed(key(PEER), at(0));
    let Way::Through(first) = core.way(key(PEER), false, at(1)) else { panic!() };
    core.gone(key(PEER), first, at(2));
    let Way::Through(second) = core.way(key(PEER), false, at(3)) else { panic!() };
    assert_ne!(first, second);
    core.gone(key(PEER), second, at(4));
    assert_eq!(core.way(key(PEER), false, at(5)), Way::None(Unreachable::Gone));
}

#[test]
fn an_answer_goes_back_the_way_the_datagram_came() {
    let mut core = connected(&[server(1), server(2)]);
    core.heard(key(PEER), key(2), at(0));
    assert_eq!(core.way(key(PEER), true, at(0)), Way::Through(key(2)));
    core.heard(key(PEER), key(1), at(1));
    assert_eq!(core.way(key(PEER), true, at(1)), Way::Through(key(1)));
}

#[test]
fn when_a_server_dies_the_way_moves_to_another_common_one() {
    let mut core = connected(&[server(1), server(2)]);
    core.record_found(&node_record(PEER, &[1, 2]), at(60_000), at(0));
    core.heard(key(PEER), key(1), at(0));
    core.link_down(key(1), at(10));
    assert_eq!(core.way(key(PEER), true, at(10)), Way::Through(key(2)));
}

/// A client whose servers do not forward to the peer's, which it learnt about.
fn without_relay(peers_servers: &[u8]) -> ClientCore {
    let mut core = connected(&[server(1), server(2)]);
    core.way(key(PEER), false, at(0));
    core.record_found(&node_record(PEER, peers_servers), at(900_000), at(1));
    for at_server in peers_servers {
        core.gone_at(key(PEER), key(*at_server), key(1), at(1));
        core.gone_at(key(PEER), key(*at_server), key(2), at(1));
    }
    effects(&mut core);
    core
}

#[test]
fn where_servers_do_not_forward_a_peer_is_reached_by_connecting_to_its_server_and_leaving_after_use() {
    let mut core = without_relay(&[3]);
    assert_eq!(core.way(key(PEER), false, at(2)), Way::Pending);
    assert_eq!(effects(&mut core), [Effect::LookUp { key: key(3) }]);
    core.record_found(&server_record(3), at(900_000), at(3));
    assert_eq!(core.way(key(PEER), false, at(4)), Way::Pending);
    assert_eq!(connects(&mut core), [key(3)]);
    core.link_up(key(3), at(5));
    assert_eq!(core.way(key(PEER), false, at(6)), Way::Through(key(3)));
    assert!(!core.delegated().contains(&key(3)));
    effects(&mut core);
    let idle = loop {
        let now = pass(&mut core, at(600_000));
        if effects(&mut core) == [Effect::Disconnect { server: key(3) }] {
            break now;
        }
    };
    assert_eq!(idle, at(6) + byway_base::limits::MESSAGING_IDLE);
}

#[test]
fn a_link_over_which_nothing_comes_back_is_avoided_while_there_is_another() {
    let mut core = connected(&[server(1), server(2)]);
    core.record_found(&node_record(PEER, &[1, 2]), at(60_000), at(0));
    core.way(key(PEER), true, at(0));
    core.record_found(&node_record(PEER, &[1, 2]), at(60_000), at(0));
    core.heard(key(PEER), key(1), at(0));
    core.link_late(key(1), true);
    assert_eq!(core.way(key(PEER), true, at(1)), Way::Through(key(2)));
    core.link_late(key(2), true);
    assert_eq!(core.way(key(PEER), true, at(2)), Way::Through(key(1)));
    core.link_late(key(1), false);
    core.link_late(key(2), false);
    assert_eq!(core.way(key(PEER), true, at(3)), Way::Through(key(1)));
}

#[test]
fn what_a_lying_directory_replays_or_withholds_changes_nothing_while_the_newest_record_is_valid() {
    let mut core = connected(&[server(1), server(2)]);
    core.way(key(PEER), false, at(0));
    core.record_found(&node_record_of(PEER, &[2], 7), at(60_000), at(1));
    core.record_found(&node_record_of(PEER, &[1], 6), at(90_000), at(2));
    assert_eq!(core.way(key(PEER), false, at(3)), Way::Through(key(2)));
    let left =
        Record { subject: key(PEER), sequence: 5, expires: UnixTime(1_000), body: RecordBody::Tombstone {} };
    core.record_found(&left.sign(&secret(PEER)), at(90_000), at(4));
    core.record_absent(key(PEER), at(5));
    assert_eq!(core.way(key(PEER), false, at(6)), Way::Through(key(2)));
    // A newer tombstone is the peer's word, and no older record undoes it.
    let left =
        Record { subject: key(PEER), sequence: 8, expires: UnixTime(1_000), body: RecordBody::Tombstone {} };
    core.record_found(&left.sign(&secret(PEER)), at(90_000), at(7));
    core.record_found(&node_record_of(PEER, &[1], 7), at(90_000), at(8));
    assert_eq!(core.way(key(PEER), false, at(9)), Way::None(Unreachable::NoRecord));
}

#[test]
fn with_no_server_connected_nothing_is_looked_up() {
    let mut core = ClientCore::new(key(100), 2, 1);
    assert_eq!(core.way(key(PEER), false, at(0)), Way::None(Unreachable::NoServer));
    core.learn_servers([server(1)], at(0));
    assert_eq!(core.way(key(PEER), false, at(0)), Way::Pending);
    assert_eq!(connects(&mut core), [key(1)]);
}
