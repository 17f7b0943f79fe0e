//! Links over networks that lose packets, change addresses and vanish.

use std::{collections::VecDeque, future::poll_fn, task::Poll};

use byway_base::limits::{LINK_UNSENT, TRANSPORT_WRITE_BATCH};

use crate::{
    relay::Relay,
    support::{Node, Source, connected, cross, number, numbered, within},
};

#[tokio::test]
async fn a_path_that_loses_one_packet_in_twenty_loses_nothing_of_a_flow() {
    let (one, mut two, mut source) = (Node::start(1).await, Node::start(2).await, Source::new());
    let relay = Relay::start(two.address(), 20).await;
    let (mut dialled, mut accepted) = connected(&one, &mut two, relay.address).await;
    let queue: VecDeque<_> = (0..500).flat_map(|count| source.data(3, numbered(count, 16_000))).collect();
    let arrived = cross(&mut dialled.link, &mut accepted.link, queue, |arrived| arrived.len() == 500).await;
    assert!(arrived.iter().map(number).eq(0..500));
    let meter = dialled.link.meter().unwrap().read();
    // The relay's own sockets may lose some more.
    assert!(meter.lost * 50 > meter.sent, "{meter:?}");
}

#[tokio::test]
async fn a_dialler_whose_address_changes_keeps_its_transport() {
    let (one, mut two, mut source) = (Node::start(1).await, Node::start(2).await, Source::new());
    let mut relay = Relay::start(two.address(), 0).await;
    let (mut dialled, mut accepted) = connected(&one, &mut two, relay.address).await;
    for round in 0..4 {
        let queue: VecDeque<_> = (0..100).flat_map(|count| source.data(3, numbered(count, 16_000))).collect();
        let (from, to) =
            if round % 2 == 0 { (&mut dialled, &mut accepted) } else { (&mut accepted, &mut dialled) };
        let half = cross(&mut from.link, &mut to.link, queue, |arrived| arrived.len() >= 50).await;
        relay.change_address().await;
        // The dialler's packets show its new address: any will do.
        let probe = source.data(4, numbered(0, 10)).into();
        let seen = |arrived: &[byway_wire::Packet]| arrived.iter().any(|packet| packet.routing_id.0 == 4);
        let before = cross(&mut dialled.link, &mut accepted.link, probe, seen).await;
        let rest = 100 - half.len() - before.iter().filter(|packet| packet.routing_id.0 == 3).count();
        let (from, to) =
            if round % 2 == 0 { (&mut dialled, &mut accepted) } else { (&mut accepted, &mut dialled) };
        let after =
            cross(&mut from.link, &mut to.link, VecDeque::new(), |arrived| arrived.len() == rest).await;
        let all = half.iter().chain(&before).chain(&after).filter(|packet| packet.routing_id.0 == 3);
        assert!(all.map(number).eq(0..100), "round {round}");
    }
}

#[tokio::test]
async fn a_link_takes_little_more_than_the_path_was_seen_to_carry() {
    let (one, mut two, mut source) = (Node::start(1).await, Node::start(2).await, Source::new());
    let relay = Relay::start(two.address(), 0).await;
    let (mut dialled, _accepted) = connected(&one, &mut two, relay.address).await;
    relay.vanish();
    let mut taken = 0;
    within(poll_fn(|cx| {
        loop {
            let mut batch: VecDeque<_> = source.data(3, numbered(0, 16_000)).into();
            match dialled.link.poll_send(cx, &mut batch) {
                Poll::Ready(result) => result.unwrap(),
                Poll::Pending => return Poll::Ready(()),
            }
            taken += 16_000;
            assert!(taken < 100_000_000, "the link takes without an end");
        }
    }))
    .await;
    // The first window is 32 packets of at most 8 952 bytes.
    let most = 32 * 8_952 + LINK_UNSENT + LINK_UNSENT / 8 + TRANSPORT_WRITE_BATCH as u64;
    assert!(taken <= most, "{taken} and {most}");
}
