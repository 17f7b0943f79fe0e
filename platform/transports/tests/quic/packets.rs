//! What crosses a link.

use std::collections::VecDeque;

use byway_base::{RoutingId, limits::LINK_STREAMS};
use byway_wire::{Kind, Packet};

use crate::support::{Node, Source, connected, cross, number, numbered};

fn data(packets: &[Packet]) -> impl Iterator<Item = &Packet> {
    packets.iter().filter(|packet| packet.kind == Kind::Data)
}

#[tokio::test]
async fn packets_cross_in_the_order_of_their_labels() {
    let (one, mut two, mut source) = (Node::start(1).await, Node::start(2).await, Source::new());
    let address = two.address();
    let (mut dialled, mut accepted) = connected(&one, &mut two, address).await;
    assert_eq!(dialled.entry, accepted.entry);
    for both in 0..2 {
        let labels = [both + 1, both + 7, both + 9];
        let sent = (0..100).flat_map(|number| labels.map(|label| (label, number)));
        let sizes = [4, 100, 1_400, 16_000];
        let queue: VecDeque<_> = sent
            .flat_map(|(label, number)| source.data(label, numbered(number, sizes[number as usize % 4])))
            .collect();
        let (from, to) =
            if both == 0 { (&mut dialled, &mut accepted) } else { (&mut accepted, &mut dialled) };
        let arrived =
            cross(&mut from.link, &mut to.link, queue, |arrived| data(arrived).count() == 300).await;
        for label in labels {
            let numbers = data(&arrived).filter(|packet| packet.routing_id == RoutingId(label)).map(number);
            assert!(numbers.eq(0..100), "label {label}");
        }
        assert!(data(&arrived).all(|packet| packet.payload.len() == sizes[number(packet) as usize % 4]));
    }
}

#[tokio::test]
async fn more_flows_than_streams_share_them_and_ended_ones_make_room() {
    let (one, mut two, mut source) = (Node::start(1).await, Node::start(2).await, Source::new());
    let address = two.address();
    let (mut dialled, mut accepted) = connected(&one, &mut two, address).await;
    for round in 0..2 {
        let flows = 2 * LINK_STREAMS;
        let mut queue = VecDeque::new();
        for count in 0..2 {
            (0..flows).for_each(|flow| queue.extend(source.data(1 + flow, numbered(count, 300))));
        }
        (0..flows).for_each(|flow| queue.extend(source.close(1 + flow)));
        let closed = |arrived: &[Packet]| arrived.iter().filter(|packet| packet.kind == Kind::Close).count();
        let all = |arrived: &[Packet]| closed(arrived) == flows as usize;
        let arrived = cross(&mut dialled.link, &mut accepted.link, queue, all).await;
        for flow in 0..flows {
            let mut kinds = arrived.iter().filter(|packet| packet.routing_id == RoutingId(1 + flow));
            assert!(kinds.by_ref().take(2).map(number).eq(0..2), "round {round}, flow {flow}");
            assert_eq!(kinds.map(|packet| packet.kind).collect::<Vec<_>>(), [Kind::Close]);
        }
    }
}

#[tokio::test]
async fn datagrams_that_fit_the_path_cross_and_larger_ones_are_dropped_and_counted() {
    let (one, mut two, mut source) = (Node::start(1).await, Node::start(2).await, Source::new());
    let address = two.address();
    let (mut dialled, mut accepted) = connected(&one, &mut two, address).await;
    let mut queue = VecDeque::new();
    queue.extend(source.datagram(5, numbered(0, 16_000)));
    queue.extend(source.datagram(5, numbered(1, 1_000)));
    queue.extend(source.data(5, numbered(2, 10)));
    // More than a datagram carries before a larger packet size was found; a channel's handshake needs it.
    queue.extend(source.datagram(5, numbered(3, 1_200)));
    let arrived = cross(&mut dialled.link, &mut accepted.link, queue, |arrived| arrived.len() == 3).await;
    let mut kinds: Vec<_> = arrived.iter().map(|packet| (packet.kind, number(packet))).collect();
    kinds.sort_by_key(|(_, number)| *number);
    assert_eq!(kinds, [(Kind::Datagram, 1), (Kind::Data, 2), (Kind::Datagram, 3)]);
    assert_eq!([dialled.link.take_dropped(), dialled.link.take_dropped()], [1, 0]);
}
