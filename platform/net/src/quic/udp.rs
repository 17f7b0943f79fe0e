//! QUIC links over UDP: one socket of a node, for those that it dials and those that it accepts.

mod bottleneck;
mod gauge;
mod pipe;
mod profile;
mod send_window;
mod shared;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use byway_base::{
    PublicKey,
    limits::{HANDSHAKES_UNVALIDATED, UDP_RECEIVE_BUFFER},
};
use quinn::{Connection, Endpoint, Incoming, TokioRuntime};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::time::timeout;

use super::{QuicAcceptError, QuicConnectError};
use crate::{
    handshakes::{HandshakeLimits, Handshakes, Source},
    identity::{Expect, Identity, quinn_peer_key},
};

use shared::{SharedSocket, Side};

pub use gauge::Gauge;
pub use pipe::QuicPipe;
pub use profile::UdpProfile;
pub use send_window::SendWindow;
pub use shared::{SideChannel, SideReceiver};

/// A link whose peer proved its key.
#[derive(Debug)]
pub struct UdpLink {
    /// The key that the peer proved.
    pub peer: PublicKey,
    /// The connection. Its peer's address may change.
    pub connection: Connection,
    /// What its congestion control knows.
    pub gauge: Arc<Gauge>,
}

/// A UDP socket under QUIC. Cheap to clone; it closes with its last clone, listener and connection.
#[derive(Debug, Clone)]
pub struct UdpEndpoint {
    endpoint: Endpoint,
    side: Arc<Side>,
    identity: Identity,
    profile: UdpProfile,
    /// What it accepts. [`Self::connect`] dials for the first.
    alpns: Arc<[&'static [u8]]>,
}

impl UdpEndpoint {
    /// Binds a socket that only dials, for `alpn`: to every address of both families, or of IPv4 where there is no IPv6.
    ///
    /// # Errors
    /// If there is no free port.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn dialler(identity: Identity, alpn: &'static [u8]) -> io::Result<Self> {
        let any6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let any4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let socket = bind(any6).or_else(|_| bind(any4))?;
        Self::start(socket, identity, &[alpn], UdpProfile::transports(), false)
    }

    /// For other links than transports, which it is for at first. Counts for those that are dialled from now on.
    #[must_use]
    pub fn with_profile(self, profile: UdpProfile) -> Self {
        Self { profile, ..self }
    }

    /// Binds a socket that dials and accepts, for `alpn`; port 0 takes any free one.
    ///
    /// # Errors
    /// If the address is taken or not this machine's.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn listener(
        address: SocketAddr,
        identity: Identity,
        alpn: &'static [u8],
        limits: HandshakeLimits,
    ) -> io::Result<(Self, UdpListener)> {
        Self::listener_for(address, identity, &[alpn], limits)
    }

    /// The same for several protocols. Which one a link speaks, [`negotiated_alpn`](super::negotiated_alpn) says.
    ///
    /// # Errors
    /// If the address is taken or not this machine's.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn listener_for(
        address: SocketAddr,
        identity: Identity,
        alpns: &[&'static [u8]],
        limits: HandshakeLimits,
    ) -> io::Result<(Self, UdpListener)> {
        Self::listener_with(address, identity, alpns, UdpProfile::transports(), limits)
    }

    /// The same for other links than transports.
    ///
    /// # Errors
    /// If the address is taken or not this machine's.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn listener_with(
        address: SocketAddr,
        identity: Identity,
        alpns: &[&'static [u8]],
        profile: UdpProfile,
        limits: HandshakeLimits,
    ) -> io::Result<(Self, UdpListener)> {
        let this = Self::start(bind(address)?, identity, alpns, profile, true)?;
        let listener = UdpListener { handshakes: Handshakes::start(this.clone(), limits) };
        Ok((this, listener))
    }

    fn start(
        socket: UdpSocket,
        identity: Identity,
        alpns: &[&'static [u8]],
        profile: UdpProfile,
        accepts: bool,
    ) -> io::Result<Self> {
        // Each connection gets a gauge of its own when it is accepted.
        let server = accepts.then(|| profile::server(&identity, alpns, &profile, &Arc::default()));
        let (socket, side) = SharedSocket::first(socket)?;
        let (config, runtime) = (profile::endpoint(), Arc::new(TokioRuntime));
        let endpoint = Endpoint::new_with_abstract_socket(config, server, Arc::new(socket), runtime)?;
        Ok(Self { endpoint, side, identity, profile, alpns: alpns.into() })
    }

    /// What is not QUIC on the same socket: STUN.
    #[must_use]
    pub fn side_channel(&self) -> SideChannel {
        self.side.channel()
    }

    /// The address that the socket is bound to, its port filled in.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }

    /// Moves the endpoint to another socket of the same family. Its connections go on: peers see packets from the new address, and answer
    /// there once they have made sure that it is reached.
    ///
    /// # Errors
    /// If the address is taken or not this machine's; the old socket stays then.
    pub fn rebind(&self, address: SocketAddr) -> io::Result<()> {
        let socket = Arc::new(SharedSocket::next(bind(address)?, &self.side)?);
        self.endpoint.rebind_abstract(socket.clone())?;
        self.side.follow(&socket);
        Ok(())
    }

    /// Dials `to` and demands that the peer owns the key `expect`, all `within` a time.
    ///
    /// The peer judges our key only after we are done (TLS 1.3 works so): if it refuses, the connection ends soon after.
    ///
    /// # Errors
    /// [`QuicConnectError`], by what a dialler does next.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the connection.
    pub async fn connect(
        &self,
        to: SocketAddr,
        expect: PublicKey,
        within: Duration,
    ) -> Result<UdpLink, QuicConnectError> {
        let alpn = self.alpns.first().copied().unwrap_or_default();
        self.connect_for(to, expect, alpn, within).await
    }

    /// The same for another protocol than the first of this endpoint.
    ///
    /// # Errors
    /// [`QuicConnectError`], by what a dialler does next.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the connection.
    pub async fn connect_for(
        &self,
        to: SocketAddr,
        expect: PublicKey,
        alpn: &[u8],
        within: Duration,
    ) -> Result<UdpLink, QuicConnectError> {
        let gauge = Arc::default();
        let exactly = Expect::Exactly(expect);
        let config = profile::client(&self.identity, exactly, alpn, &self.profile, &gauge);
        let connecting = self.endpoint.connect_with(config, to, &exactly.server_name());
        let connecting = connecting.map_err(QuicConnectError::Local)?;
        let connected = timeout(within, connecting).await.map_err(|_| QuicConnectError::Timeout(within))?;
        let connection = connected.map_err(|error| QuicConnectError::from_handshake(error, within))?;
        Ok(UdpLink { peer: expect, connection, gauge })
    }
}

/// The accepting side of a [`UdpEndpoint`]. Dropping it ends the handshakes under way; later diallers are not answered.
#[derive(Debug)]
pub struct UdpListener {
    handshakes: Handshakes<UdpLink>,
}

impl UdpListener {
    /// The next authenticated link; `None` after the endpoint's runtime ended.
    ///
    /// # Cancel safety
    /// No link is lost if the future is dropped.
    pub async fn accept(&mut self) -> Option<UdpLink> {
        self.handshakes.next().await
    }
}

impl Source for UdpEndpoint {
    type Raw = Incoming;
    type Connection = UdpLink;
    type Refusal = QuicAcceptError;

    async fn accept(&mut self, pending: usize) -> io::Result<(Incoming, SocketAddr)> {
        loop {
            // An endpoint that is closed accepts nobody any more.
            let Some(incoming) = self.endpoint.accept().await else { std::future::pending().await };
            // Source addresses of UDP can be forged. Under load they have to be proved first, for one more round trip.
            if pending < HANDSHAKES_UNVALIDATED || incoming.remote_address_validated() {
                let from = incoming.remote_address();
                return Ok((incoming, from));
            }
            if let Err(error) = incoming.retry() {
                error.into_incoming().refuse();
            }
        }
    }

    fn handshake(
        &self,
        incoming: Incoming,
        within: Duration,
    ) -> impl Future<Output = Result<UdpLink, QuicAcceptError>> + Send + 'static {
        let gauge = Arc::default();
        let config = profile::server(&self.identity, &self.alpns, &self.profile, &gauge);
        async move {
            let connecting = incoming.accept_with(Arc::new(config)).map_err(QuicAcceptError::Handshake)?;
            let handshake =
                timeout(within, connecting).await.map_err(|_| QuicAcceptError::Timeout(within))?;
            let connection = handshake.map_err(QuicAcceptError::Handshake)?;
            let peer = quinn_peer_key(&connection)?;
            Ok(UdpLink { peer, connection, gauge })
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // A socket for all addresses serves both families.
        socket.set_only_v6(false)?;
    }
    // The system may give less. Sending needs no more than it gives: what waits there waits behind fairness.
    socket.set_recv_buffer_size(UDP_RECEIVE_BUFFER)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}
