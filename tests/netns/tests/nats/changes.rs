//! What changes while a way is in use.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use byway_netns::{Family, NatKind};
use rustix::io::Errno;

use crate::support::{PATIENCE, Scene, heard, mapped, receive};

#[test]
fn a_router_that_forgot_lets_nobody_in_until_the_host_sends_again() {
    let kinds = [NatKind::FullCone, NatKind::AddressRestricted, NatKind::PortRestricted, NatKind::Symmetric];
    for kind in kinds {
        let Some(scene) = Scene::new(kind, Family::V4) else { return };
        let (host, before, after) = (scene.host(), scene.server(0), scene.server(1));
        let forgotten = mapped(&host, &before);
        scene.home.nat().forget().unwrap();
        before.send_to(b"too late", forgotten).unwrap();
        // The host's own packet opens a way for another server first, to be heard of.
        let open = mapped(&host, &after);
        assert!(heard(&host, &after, open).is_empty(), "{kind}");
        let again = mapped(&host, &before);
        before.send_to(b"in time", again).unwrap();
        assert_eq!(heard(&host, &after, open), [before.local_addr().unwrap()], "{kind}");
    }
}

#[test]
fn a_router_with_a_new_address_maps_to_that_one() {
    let Some(scene) = Scene::new(NatKind::PortRestricted, Family::V4) else { return };
    let (host, server) = (scene.host(), scene.server(0));
    let before = mapped(&host, &server);
    scene.home.readdress_router().unwrap();
    let after = mapped(&host, &server);
    assert_ne!(before.ip(), after.ip());
    server.send_to(b"hello", after).unwrap();
    assert_eq!(heard(&host, &server, after), [server.local_addr().unwrap()]);
}

#[test]
fn a_host_with_a_new_address_goes_on_sending_from_the_same_socket() {
    for (kind, family) in
        [(NatKind::PortRestricted, Family::V4), (NatKind::Open, Family::V4), (NatKind::Open, Family::V6)]
    {
        let Some(scene) = Scene::new(kind, family) else { return };
        let (host, server) = (scene.host(), scene.server(0));
        let before = mapped(&host, &server);
        scene.home.readdress_host().unwrap();
        let after = mapped(&host, &server);
        // Behind a translation the world sees no difference, but for the port.
        assert_eq!(before.ip() == after.ip(), kind == NatKind::PortRestricted, "{kind}, {family:?}");
        server.send_to(b"hello", after).unwrap();
        assert_eq!(heard(&host, &server, after), [server.local_addr().unwrap()]);
    }
}

#[test]
fn a_packet_larger_than_the_way_is_reported_and_smaller_ones_pass() {
    for (family, headers) in [(Family::V4, 28), (Family::V6, 48)] {
        let Some(scene) = Scene::new(NatKind::PortRestricted, family) else { return };
        scene.home.limit_packets(1_280).unwrap();
        let (host, server) = (scene.host(), scene.server(0));
        host.connect(server.local_addr().unwrap()).unwrap();
        host.send(&[0; 1_400]).unwrap();
        let told = receive(&host).unwrap_err();
        assert_eq!(Errno::from_io_error(&told), Some(Errno::MSGSIZE), "{told}");
        host.send(&vec![0; 1_280 - headers]).unwrap();
        assert_eq!(receive(&server).unwrap().0.len(), 1_280 - headers);
    }
}

#[test]
fn a_tcp_stream_passes_a_way_of_small_packets_byte_for_byte() {
    const BYTES: u32 = 1_000_000;
    let Some(scene) = Scene::new(NatKind::Symmetric, Family::V4) else { return };
    scene.home.limit_packets(1_280).unwrap();
    let address = (scene.internet.server(0), 0);
    let listener = scene.internet.namespace().enter(|| TcpListener::bind(address)).unwrap().unwrap();
    let address = listener.local_addr().unwrap();
    let content: Vec<u8> = (0..BYTES / 4).flat_map(u32::to_be_bytes).collect();
    let came = thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            let mut stream = listener.accept().unwrap().0;
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut came = Vec::new();
            stream.read_to_end(&mut came).unwrap();
            came
        });
        let mut stream = scene.home.host().enter(|| TcpStream::connect(address)).unwrap().unwrap();
        stream.write_all(&content).unwrap();
        drop(stream);
        receiver.join().unwrap()
    });
    assert!(came == content, "{} bytes came", came.len());
}
