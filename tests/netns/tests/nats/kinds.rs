//! One kind of router after the other, as RFC 4787 describes them: where it maps to, and whom it lets in.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
};

use byway_netns::{Family, NatKind};

use crate::support::{PATIENCE, Scene, heard, mapped, receive};

/// Who may send to a mapping.
#[derive(Debug, PartialEq)]
struct Admitted {
    /// Another port of an address that was sent to.
    same_address: bool,
    /// Somebody who was never sent to.
    stranger: bool,
}

const NOBODY_ELSE: Admitted = Admitted { same_address: false, stranger: false };

impl Scene {
    /// Under which addresses three servers see one socket of the host; two of them have the same address.
    fn mappings(&self) -> BTreeSet<SocketAddr> {
        let host = self.host();
        [0, 0, 1].map(|number| mapped(&host, &self.server(number))).into()
    }

    fn admitted(&self) -> Admitted {
        let (host, known) = (self.host(), self.server(0));
        let mapped = mapped(&host, &known);
        let (neighbour, stranger) = (self.server(0), self.server(1));
        for sender in [&neighbour, &stranger] {
            sender.send_to(b"let me in", mapped).unwrap();
        }
        let heard = heard(&host, &known, mapped);
        let is_in = |sender: &UdpSocket| heard.contains(&sender.local_addr().unwrap());
        Admitted { same_address: is_in(&neighbour), stranger: is_in(&stranger) }
    }

    /// That a connection from the host carries bytes both ways. Returns whom the server saw.
    fn dial(&self) -> IpAddr {
        let address = (self.internet.server(0), 0);
        let listener = self.internet.namespace().enter(|| TcpListener::bind(address)).unwrap().unwrap();
        let address = listener.local_addr().unwrap();
        let dialled = self.home.host().enter(|| TcpStream::connect(address)).unwrap().unwrap();
        let (accepted, from) = listener.accept().unwrap();
        for (mut sender, mut receiver) in [(&dialled, &accepted), (&accepted, &dialled)] {
            receiver.set_read_timeout(Some(PATIENCE)).unwrap();
            sender.write_all(b"hello").unwrap();
            let mut came = [0; 5];
            receiver.read_exact(&mut came).unwrap();
            assert_eq!(&came, b"hello");
        }
        from.ip()
    }
}

#[test]
fn behind_an_open_router_the_host_has_an_address_of_the_world_and_everybody_reaches_it() {
    let Some(scene) = Scene::new(NatKind::Open, Family::V4) else { return };
    let (host, server) = (scene.host(), scene.server(0));
    let seen = mapped(&host, &server);
    assert_eq!(seen.port(), host.local_addr().unwrap().port());
    assert!(scene.home.host().ip("-brief addr").unwrap().contains(&format!("{}/", seen.ip())));
    assert_eq!(scene.mappings().len(), 1);
    assert_eq!(scene.admitted(), Admitted { same_address: true, stranger: true });
    assert_eq!(scene.dial(), seen.ip());
}

#[test]
fn a_full_cone_has_one_mapping_and_lets_in_everybody() {
    let Some(scene) = Scene::new(NatKind::FullCone, Family::V4) else { return };
    assert_eq!(scene.mappings().len(), 1);
    assert_eq!(scene.admitted(), Admitted { same_address: true, stranger: true });
    scene.dial();
}

#[test]
fn an_address_restricted_router_has_one_mapping_and_lets_in_every_port_of_addresses_sent_to() {
    let Some(scene) = Scene::new(NatKind::AddressRestricted, Family::V4) else { return };
    assert_eq!(scene.mappings().len(), 1);
    assert_eq!(scene.admitted(), Admitted { same_address: true, stranger: false });
    scene.dial();
}

#[test]
fn a_port_restricted_router_has_one_mapping_and_lets_in_only_answers() {
    let Some(scene) = Scene::new(NatKind::PortRestricted, Family::V4) else { return };
    assert_eq!(scene.mappings().len(), 1);
    assert_eq!(scene.admitted(), NOBODY_ELSE);
    scene.dial();
}

#[test]
fn a_symmetric_router_has_a_mapping_for_each_destination_and_lets_in_only_answers() {
    let Some(scene) = Scene::new(NatKind::Symmetric, Family::V4) else { return };
    // Ports are drawn, so that two of three may be the same once in thousands of years, and all three never.
    assert!(scene.mappings().len() > 1);
    assert_eq!(scene.admitted(), NOBODY_ELSE);
    scene.dial();
}

#[test]
fn where_udp_is_blocked_only_tcp_passes() {
    let Some(scene) = Scene::new(NatKind::UdpBlocked, Family::V4) else { return };
    let (host, server) = (scene.host(), scene.server(0));
    host.send_to(b"lost", server.local_addr().unwrap()).unwrap();
    // What goes out behind it on the same way has arrived; then it would have as well.
    let router = scene.dial();
    let marker = scene.server(1);
    marker.send_to(b"marker", server.local_addr().unwrap()).unwrap();
    assert_eq!(receive(&server).unwrap(), (b"marker".to_vec(), marker.local_addr().unwrap()));
    assert_ne!(router, scene.internet.server(0));
}

#[test]
fn ipv6_is_not_translated_and_only_answers_come_in() {
    let Some(scene) = Scene::new(NatKind::PortRestricted, Family::V6) else { return };
    let seen = mapped(&scene.host(), &scene.server(0));
    assert!(scene.home.host().ip("-6 -brief addr").unwrap().contains(&format!("{}/", seen.ip())));
    assert_eq!(scene.mappings().len(), 1);
    assert_eq!(scene.admitted(), NOBODY_ELSE);
    assert_eq!(scene.dial(), seen.ip());
}

#[test]
fn an_internet_of_ipv6_knows_no_ipv4() {
    let Some(scene) = Scene::new(NatKind::Open, Family::V6) else { return };
    let dialled = scene.home.host().enter(|| TcpStream::connect("192.0.2.1:1")).unwrap();
    assert_eq!(dialled.unwrap_err().kind(), std::io::ErrorKind::NetworkUnreachable);
}
