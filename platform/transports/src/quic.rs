//! `quic`: QUIC over UDP, for nodes with a reachable address. A stream for each flow, so that loss on one route does not
//! stall another, datagrams as datagrams, and addresses may change. Costs some three times the processor time of `tcp`.

mod frames;
mod link;
mod opening;
mod receiver;
mod sender;
mod way;
mod window;

use std::{io, net::SocketAddr};

use byway_base::{PublicKey, limits::CONNECT_TIMEOUT};
use byway_net::{
    HandshakeLimits,
    quic::udp::{UdpEndpoint, UdpLink, UdpListener},
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::task::JoinSet;

use crate::transport_type::{Context, DialError, Link, LinkSink, Opener};
use opening::QuicOpening;

/// The protocol's name in the handshake.
const ALPN: &[u8] = b"byway-transport/1";

struct Quic {
    endpoint: UdpEndpoint,
    listen: Vec<SocketAddr>,
    /// The accept loop, ended with the opener.
    _acceptor: JoinSet<()>,
}

/// Binds the one UDP socket of the node.
pub(crate) fn start(context: &Context, sink: LinkSink) -> BoxFuture<'_, io::Result<Option<Box<dyn Opener>>>> {
    async move {
        let identity = context.identity.clone();
        let mut acceptor = JoinSet::new();
        let mut listen = Vec::new();
        let endpoint = match context.quic_listen {
            Some(address) => {
                let (endpoint, listener) =
                    UdpEndpoint::listener(address, identity, ALPN, HandshakeLimits::default())?;
                listen.push(endpoint.local_address()?);
                acceptor.spawn(accept(listener, sink));
                endpoint
            }
            None => UdpEndpoint::dialler(identity, ALPN)?,
        };
        let opener: Box<dyn Opener> = Box::new(Quic { endpoint, listen, _acceptor: acceptor });
        Ok(Some(opener))
    }
    .boxed()
}

async fn accept(mut listener: UdpListener, sink: LinkSink) {
    while let Some(link) = listener.accept().await {
        let UdpLink { peer, connection, gauge } = link;
        let address = connection.remote_address().to_string();
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
        self.listen.clone()
    }
}
