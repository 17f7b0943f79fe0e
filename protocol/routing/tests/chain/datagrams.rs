use bytes::Bytes;
use byway_routing::SendError;

use crate::world::World;

#[test]
fn datagrams_cross_the_route_apart_from_its_data() {
    let mut world = World::chain(3);
    let route = world.install(1, 0, &[0, 1]);
    world.send(route.source, b"data").unwrap();
    let (node, key) = route.source;
    world.nodes[node].send_datagram(world.now, key, Bytes::from_static(b"datagram")).unwrap();
    world.run();
    assert_eq!(world.read_datagrams(route.destination), [&b"datagram"[..]]);
    assert_eq!(world.read(route.destination, 9), [&b"data"[..]]);
}

#[test]
fn datagrams_still_pass_a_route_whose_reader_takes_no_data() {
    let mut world = World::chain(3);
    let route = world.install(1, 0, &[0, 1]);
    for _ in 0..100 {
        world.send_all(route.source, &[0; 16_000]);
        world.run();
    }
    let (node, key) = route.source;
    world.nodes[node].send_datagram(world.now, key, Bytes::from_static(b"still")).unwrap();
    world.run();
    assert_eq!(world.read_datagrams(route.destination), [&b"still"[..]]);
}

#[test]
fn a_flood_of_datagrams_takes_no_more_than_its_routes_share_of_a_transport() {
    let mut world = World::chain(2);
    let flood = world.install(1, 0, &[0]);
    let other = world.install(2, 0, &[0]);
    let slot = world.side(0, 0);
    while world.nodes[0].send_datagram(world.now, flood.source.1, Bytes::from_static(&[0; 1_000])).is_ok() {}
    world.send_all(other.source, &[0; 16_000]);
    let mut batch = Vec::new();
    world.nodes[0].poll_transmit(world.now, slot, 256 * 1024, &mut batch);
    let bytes = |len: usize| batch.iter().filter(|p| p.payload().len() == len).count() * len;
    assert!(bytes(1_000).abs_diff(bytes(16_000)) <= 48 * 1024);
}

#[test]
fn a_datagram_beyond_the_queue_is_refused_to_its_sender_and_counted() {
    let mut world = World::chain(2);
    let route = world.install(1, 0, &[0]);
    let send = |world: &mut World| {
        world.nodes[0].send_datagram(world.now, route.source.1, Bytes::from_static(&[0; 1_000]))
    };
    while send(&mut world).is_ok() {}
    assert_eq!(send(&mut world), Err(SendError::Full));
    assert_eq!(world.nodes[0].counters().datagrams_dropped, 2);
}
