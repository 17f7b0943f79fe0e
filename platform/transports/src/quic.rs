//! `quic`: QUIC over UDP, for nodes with a reachable address, or with one that NAT traversal finds. A stream for each flow,
//! so that loss on one route does not stall another, datagrams as datagrams, and addresses may change. Costs some three
//! times the processor time of `tcp`.

mod frames;
mod link;
mod opening;
mod receiver;
mod sender;
mod way;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use byway_base::{PublicKey, limits::CONNECT_TIMEOUT};
use byway_net::{
    HandshakeLimits, Identity,
    quic::udp::{UdpEndpoint, UdpLink, UdpListener},
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::task::JoinSet;

use crate::transport_type::{Context, DialError, Link, LinkSink, Opener, Udp};
use opening::QuicOpening;

/// The protocol's name in the handshake.
const ALPN: &[u8] = b"byway-transport/1";

struct Quic {
    endpoint: UdpEndpoint,
    local: SocketAddr,
    /// Others may be told of the address.
    published: bool,
    /// The accept loop, ended with the opener.
    _acceptor: JoinSet<()>,
}

/// Binds the one UDP socket of the node. It accepts always: peers may have found the way to it by NAT traversal.
pub(crate) fn start(context: &Context, sink: LinkSink) -> BoxFuture<'_, io::Result<Option<Box<dyn Opener>>>> {
    async move {
        let (endpoint, listener) = match context.quic_listen {
            Some(address) => listen(address, &context.identity)?,
            None => {
                // Both families, or IPv4 alone where there is no IPv6.
                let [any6, any4] = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
                let any = |ip| listen(SocketAddr::new(ip, 0), &context.identity);
                any(any6).or_else(|_| any(any4))?
            }
        };
        let local = endpoint.local_address()?;
        let mut acceptor = JoinSet::new();
        acceptor.spawn(accept(listener, sink));
        let published = context.quic_listen.is_some();
        let opener: Box<dyn Opener> = Box::new(Quic { endpoint, local, published, _acceptor: acceptor });
        Ok(Some(opener))
    }
    .boxed()
}

fn listen(address: SocketAddr, identity: &Identity) -> io::Result<(UdpEndpoint, UdpListener)> {
    UdpEndpoint::listener(address, identity.clone(), ALPN, HandshakeLimits::default())
}

async fn accept(mut listener: UdpListener, sink: LinkSink) {
    while let Some(link) = listener.accept().await {
        let UdpLink { peer, connection, gauge } = link;
        let remote = connection.remote_address();
        // A socket of both families gives IPv4 addresses as IPv6.
        let address = SocketAddr::new(remote.ip().to_canonical(), remote.port()).to_string();
        let opening = Box::new(QuicOpening::accept(connection, gauge));
        if sink.send(Link { peer, address, opening }).await.is_err() {
            break;
        }
    }
}

impl Opener for Quic {
    fn dial<'a>(
        &'a self,
        peer: PublicKey,
        candidates: &'a [SocketAddr],
    ) -> BoxFuture<'a, Result<Link, DialError>> {
        async move {
            let mut last = DialError::NoAddress;
            for &address in candidates {
                match self.endpoint.connect(address, peer, CONNECT_TIMEOUT).await {
                    Ok(UdpLink { peer, connection, gauge }) => {
                        let opening = Box::new(QuicOpening::dial(connection, gauge));
                        return Ok(Link { peer, address: address.to_string(), opening });
                    }
                    Err(source) => last = DialError::Quic { address, source },
                }
            }
            Err(last)
        }
        .boxed()
    }

    fn listen_addresses(&self) -> Vec<SocketAddr> {
        self.published.then_some(self.local).into_iter().collect()
    }

    fn udp(&self) -> Option<Udp> {
        Some(Udp { local: self.local, side_channel: self.endpoint.side_channel() })
    }
}
