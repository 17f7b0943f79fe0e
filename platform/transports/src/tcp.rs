//! `tcp`: TLS 1.3 over TCP, for nodes with a reachable address and where UDP is blocked.

use std::{io, net::SocketAddr};

use byway_base::{PublicKey, limits::CONNECT_TIMEOUT};
use byway_net::{
    Expect, Identity, TlsPipe,
    tcp::{self, TlsConnection, TlsListener},
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::task::JoinSet;

use crate::{
    framed::Framed,
    transport_type::{Context, DialError, Link, LinkSink, Opener},
};

/// The protocol's name in the handshake.
const ALPN: &[u8] = b"byway-transport/1";

struct Tcp {
    identity: Identity,
    listen: Vec<SocketAddr>,
    /// The accept loop, ended with the opener.
    _acceptor: JoinSet<()>,
}

/// Binds the listener, if there is to be one.
pub(crate) fn start(context: &Context, sink: LinkSink) -> BoxFuture<'_, io::Result<Option<Box<dyn Opener>>>> {
    async move {
        let identity = context.identity.clone();
        let mut acceptor = JoinSet::new();
        let mut listen = Vec::new();
        if let Some(address) = context.tcp_listen {
            let listener = TlsListener::bind(address, identity.server_config(&[ALPN])).await?;
            listen.push(listener.local_address());
            acceptor.spawn(accept(listener, sink));
        }
        let opener: Box<dyn Opener> = Box::new(Tcp { identity, listen, _acceptor: acceptor });
        Ok(Some(opener))
    }
    .boxed()
}

async fn accept(mut listener: TlsListener, sink: LinkSink) {
    while let Some(connection) = listener.accept().await {
        if sink.send(link(connection)).await.is_err() {
            break;
        }
    }
}

impl Opener for Tcp {
    fn dial<'a>(
        &'a self,
        peer: PublicKey,
        candidates: &'a [SocketAddr],
    ) -> BoxFuture<'a, Result<Link, DialError>> {
        async move {
            let mut last = DialError::NoAddress;
            for &address in candidates {
                let expect = Expect::Exactly(peer);
                match tcp::connect(address, &self.identity, expect, ALPN, CONNECT_TIMEOUT).await {
                    Ok(connection) => return Ok(link(connection)),
                    Err(source) => last = DialError::Tcp { address, source },
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

fn link(connection: TlsConnection) -> Link {
    let (peer, address) = (connection.peer, connection.address.to_string());
    Link { peer, address, opening: Box::new(Framed::new(TlsPipe::new(connection))) }
}
