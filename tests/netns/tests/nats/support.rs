//! UDP sockets of hosts and servers, and what they hear.

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use byway_netns::{Family, Home, Internet, Lab, Namespace, NatKind, nat_lab_or_skip};

/// Far more than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a server sends to show that all before it has been delivered.
const MARKER: &[u8] = b"marker";
/// Markers sent one after the other. What was sent before the first has arrived with the last, if it arrives at all.
const MARKERS: usize = 3;

/// An internet with a home.
pub(crate) struct Scene {
    pub(crate) internet: Internet,
    pub(crate) home: Home,
    // Dropped last.
    _lab: Lab,
}

impl Scene {
    pub(crate) fn new(kind: NatKind, family: Family) -> Option<Self> {
        let lab = nat_lab_or_skip()?;
        let internet = Internet::new(&lab, family).unwrap();
        let home = internet.home(&lab, "host", kind).unwrap();
        Some(Self { internet, home, _lab: lab })
    }

    /// A socket of the host.
    pub(crate) fn host(&self) -> UdpSocket {
        let any = if self.internet.server(0).is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
        bind(self.home.host(), any.parse().unwrap())
    }

    /// A socket of the n-th server, on a port of its own.
    pub(crate) fn server(&self, number: u8) -> UdpSocket {
        server(&self.internet, number)
    }
}

pub(crate) fn bind(namespace: &Namespace, address: SocketAddr) -> UdpSocket {
    let socket = namespace.enter(|| UdpSocket::bind(address)).unwrap().unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

pub(crate) fn server(internet: &Internet, number: u8) -> UdpSocket {
    bind(internet.namespace(), SocketAddr::new(internet.server(number), 0))
}

/// The next packet and its sender. A wait with a deadline ends at signals that are for nobody, see signal(7).
pub(crate) fn receive(socket: &UdpSocket) -> io::Result<(Vec<u8>, SocketAddr)> {
    let mut buffer = vec![0; 2_000];
    loop {
        match socket.recv_from(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            received => return received.map(|(length, from)| (buffer[..length].to_vec(), from)),
        }
    }
}

/// Under which address the host's packets reach the server.
pub(crate) fn mapped(host: &UdpSocket, server: &UdpSocket) -> SocketAddr {
    host.send_to(b"who am I", server.local_addr().unwrap()).unwrap();
    let (packet, from) = receive(server).unwrap();
    assert_eq!(packet, b"who am I");
    from
}

/// Who else reached the host up to now; `server` is one that it has an open way from, at `mapped`.
pub(crate) fn heard(host: &UdpSocket, server: &UdpSocket, mapped: SocketAddr) -> Vec<SocketAddr> {
    let mut heard = Vec::new();
    for _ in 0..MARKERS {
        server.send_to(MARKER, mapped).unwrap();
        loop {
            let (packet, from) = receive(host).unwrap();
            if packet == MARKER {
                break;
            }
            heard.push(from);
        }
    }
    heard
}
