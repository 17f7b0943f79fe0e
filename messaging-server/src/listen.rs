//! The sockets: TLS over TCP, and UDP for QUIC and STUN.

use std::{io, net::SocketAddr};

use byway_base::{Code, Problem};
use byway_messaging_client::{ALPN_RELAY, ALPN_SERVER};
use byway_net::{
    HandshakeLimits, Identity,
    quic::udp::{UdpEndpoint, UdpLink, UdpListener, UdpProfile},
    tcp::{TlsConnection, TlsListener},
};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{config::QuicListen, stun};

/// Free ports tried until one is free for TCP and UDP alike.
const PORTS: usize = 16;
/// Authenticated connections on their way from a listener to who serves them.
const ACCEPTED: usize = 64;

/// A connection whose peer proved its key.
pub(crate) enum Accepted {
    Tls(Box<TlsConnection>),
    Quic(UdpLink),
}

/// Every socket of a server, bound.
pub(crate) struct Listeners {
    tcp: Vec<TlsListener>,
    udp: Vec<(UdpEndpoint, UdpListener)>,
}

impl Listeners {
    /// Binds; where QUIC is to be at the same place as TLS, it gets the same port, chosen by the system or not.
    ///
    /// # Errors
    /// [`Code::Bind`], naming the address.
    pub(crate) async fn bind(
        listen: &[SocketAddr],
        quic: &QuicListen,
        identity: &Identity,
        links: bool,
    ) -> Result<Self, Problem> {
        let alpns: &[&[u8]] = if links { &[ALPN_SERVER, ALPN_RELAY] } else { &[ALPN_SERVER] };
        let mut this = Self { tcp: Vec::new(), udp: Vec::new() };
        for address in listen {
            this.bind_tcp(*address, matches!(quic, QuicListen::SameAddress), identity, alpns).await?;
        }
        if let QuicListen::At(addresses) = quic {
            for address in addresses {
                let udp =
                    bind_udp(*address, identity).map_err(|error| cannot_listen(*address, "UDP", error))?;
                this.udp.push(udp);
            }
        }
        Ok(this)
    }

    async fn bind_tcp(
        &mut self,
        address: SocketAddr,
        with_udp: bool,
        identity: &Identity,
        alpns: &[&[u8]],
    ) -> Result<(), Problem> {
        let mut tries = PORTS;
        loop {
            let bound = TlsListener::bind(address, identity.server_config(alpns)).await;
            let tcp = bound.map_err(|error| cannot_listen(address, "TCP", error))?;
            if with_udp {
                tries -= 1;
                match bind_udp(tcp.local_address(), identity) {
                    Ok(udp) => self.udp.push(udp),
                    Err(error)
                        if error.kind() == io::ErrorKind::AddrInUse && address.port() == 0 && tries > 0 =>
                    {
                        continue;
                    }
                    Err(error) => return Err(cannot_listen(tcp.local_address(), "UDP", error)),
                }
            }
            self.tcp.push(tcp);
            return Ok(());
        }
    }

    /// Where TLS is spoken.
    pub(crate) fn tcp_addresses(&self) -> Vec<SocketAddr> {
        self.tcp.iter().map(TlsListener::local_address).collect()
    }

    /// Where QUIC and STUN are spoken.
    pub(crate) fn udp_addresses(&self) -> Vec<SocketAddr> {
        self.udp.iter().filter_map(|(endpoint, _)| endpoint.local_address().ok()).collect()
    }

    /// Begins to accept, and to answer STUN.
    pub(crate) fn start(self) -> Accepting {
        let (accepted, connections) = mpsc::channel(ACCEPTED);
        let mut doors = JoinSet::new();
        for mut listener in self.tcp {
            let accepted = accepted.clone();
            doors.spawn(async move {
                while let Some(connection) = listener.accept().await
                    && accepted.send(Accepted::Tls(Box::new(connection))).await.is_ok()
                {}
            });
        }
        let mut side = JoinSet::new();
        let mut endpoints = Vec::new();
        for (endpoint, mut listener) in self.udp {
            let channel = endpoint.side_channel();
            if let Some(requests) = channel.receiver() {
                side.spawn(stun::serve(channel, requests));
            }
            let accepted = accepted.clone();
            doors.spawn(async move {
                while let Some(link) = listener.accept().await
                    && accepted.send(Accepted::Quic(link)).await.is_ok()
                {}
            });
            endpoints.push(endpoint);
        }
        Accepting { connections, doors, _side: side, _endpoints: endpoints }
    }
}

/// Listeners at work. Dropping it closes all sockets but those of connections.
pub(crate) struct Accepting {
    connections: mpsc::Receiver<Accepted>,
    doors: JoinSet<()>,
    /// Answers STUN.
    _side: JoinSet<()>,
    /// They keep the sockets open.
    _endpoints: Vec<UdpEndpoint>,
}

impl Accepting {
    /// The next connection; `None` once nothing is accepted any more.
    ///
    /// # Cancel safety
    /// No connection is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Accepted> {
        self.connections.recv().await
    }

    /// Accepts nobody any more. What is connected goes on, and STUN is answered until this is dropped.
    pub(crate) fn close(&mut self) {
        self.doors.abort_all();
        self.connections.close();
    }
}

fn bind_udp(address: SocketAddr, identity: &Identity) -> io::Result<(UdpEndpoint, UdpListener)> {
    let (profile, limits) = (UdpProfile::messaging(), HandshakeLimits::default());
    UdpEndpoint::listener_with(address, identity.clone(), &[ALPN_SERVER], profile, limits)
}

fn cannot_listen(address: SocketAddr, protocol: &str, error: io::Error) -> Problem {
    Problem::new(Code::Bind, format!("cannot listen on {address} ({protocol})"), error)
}
