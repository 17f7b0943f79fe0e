//! Two hosts that know each other's mapping send at once: what gets through the kernel, without any of our protocols.

use std::{
    collections::BTreeSet,
    net::{SocketAddr, UdpSocket},
};

use byway_netns::{Family, Home, Internet, KINDS, NatKind, Way, expected, nat_lab_or_skip};

use crate::support::{bind, heard, mapped, server};

/// How often both send. Two are needed behind a symmetric router: the second goes to where the first came from.
const ROUNDS: usize = 4;

/// A socket behind a router, the server that tells it its mapping, and whom it heard.
struct Side {
    socket: UdpSocket,
    server: UdpSocket,
    mapped: SocketAddr,
    heard: BTreeSet<SocketAddr>,
}

impl Side {
    fn new(internet: &Internet, home: &Home) -> Self {
        let (socket, server) = (bind(home.host(), "0.0.0.0:0".parse().unwrap()), server(internet, 0));
        let mapped = mapped(&socket, &server);
        Self { socket, server, mapped, heard: BTreeSet::new() }
    }

    fn send(&self, peer: SocketAddr) {
        for to in self.heard.iter().chain([&peer]) {
            self.socket.send_to(b"punch", to).unwrap();
        }
    }

    fn hear(&mut self) {
        self.heard.extend(heard(&self.socket, &self.server, self.mapped));
    }
}

fn punch(internet: &Internet, left: &Home, right: &Home) -> Way {
    let (mut left, mut right) = (Side::new(internet, left), Side::new(internet, right));
    for _ in 0..ROUNDS {
        left.send(right.mapped);
        right.send(left.mapped);
        left.hear();
        right.hear();
    }
    match (left.heard.is_empty(), right.heard.is_empty()) {
        (false, false) => Way::Direct,
        (true, true) => Way::Relayed,
        one_way => panic!("packets go one way only: {one_way:?}"),
    }
}

#[test]
fn plain_udp_gets_through_every_pair_of_routers_as_the_matrix_says() {
    let Some(lab) = nat_lab_or_skip() else { return };
    let internet = Internet::new(&lab, Family::V4).unwrap();
    let homes = |side: &str| {
        let home = |(number, kind): (usize, &NatKind)| {
            internet.home(&lab, &format!("{side}{number}"), *kind).unwrap()
        };
        KINDS.iter().enumerate().map(home).collect::<Vec<_>>()
    };
    let (lefts, rights) = (homes("left"), homes("right"));
    let mut wrong = Vec::new();
    for left in &lefts {
        for right in &rights {
            let (of, and) = (left.nat().kind(), right.nat().kind());
            let way = punch(&internet, left, right);
            if way != expected(of, and) {
                wrong.push(format!("{of} and {and}: {way:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
