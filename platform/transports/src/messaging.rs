//! `messaging`: QUIC through a messaging server, for nodes that nobody can dial.

use std::{io, net::SocketAddr};

use byway_base::{
    PublicKey,
    limits::{HANDSHAKE_TIMEOUT, MESSAGING_CONNECTIONS_PER_PEER, TRANSPORTS_PER_NODE},
};
use byway_messaging_client::{ALPN_TRANSPORT, Accepted, MessagingClient, PeerConnections, Place, Places};
use futures_util::{FutureExt, future::BoxFuture};
use quinn::{Connection, ConnectionError, RecvStream, SendStream, VarInt};
use tokio::{task::JoinSet, time::timeout};

use crate::{
    framed::Framed,
    stream::QuicPipe,
    transport_type::{Context, DialError, Link, LinkSink, Opener},
};

/// The first byte of a stream that becomes a transport: QUIC shows a stream to the peer only once it carries data.
const OPENING: u8 = 1;
/// QUIC code of a connection that is one too many.
const CLOSE_TOO_MANY: VarInt = VarInt::from_u32(2);

struct Messaging {
    client: MessagingClient,
    /// The accept loops, ended with the opener.
    _acceptor: JoinSet<()>,
}

/// Takes the `transport` protocol of the node's messaging client, if it has one.
pub(crate) fn start(context: &Context, sink: LinkSink) -> BoxFuture<'_, io::Result<Option<Box<dyn Opener>>>> {
    async move {
        let Some(client) = context.messaging.clone() else { return Ok(None) };
        let incoming = client.accept(ALPN_TRANSPORT).map_err(io::Error::other)?;
        let mut acceptor = JoinSet::new();
        acceptor.spawn(accept_connections(incoming, sink));
        let opener: Box<dyn Opener> = Box::new(Messaging { client, _acceptor: acceptor });
        Ok(Some(opener))
    }
    .boxed()
}

async fn accept_connections(mut incoming: PeerConnections, sink: LinkSink) {
    let places = Places::new(TRANSPORTS_PER_NODE, MESSAGING_CONNECTIONS_PER_PEER);
    let mut connections = JoinSet::new();
    while let Some(Accepted { peer, connection, .. }) = incoming.recv().await {
        match places.take(peer) {
            Some(place) => {
                connections.spawn(accept_streams(peer, connection, sink.clone(), place));
            }
            None => connection.close(CLOSE_TOO_MANY, b"too many connections"),
        }
        while connections.try_join_next().is_some() {}
    }
}

/// A connection is shared: the peer opens a new stream on it when it wants the transport anew.
async fn accept_streams(peer: PublicKey, connection: Connection, sink: LinkSink, _place: Place) {
    while let Ok((send, mut receive)) = connection.accept_bi().await {
        let mut opening = [0];
        let read = timeout(HANDSHAKE_TIMEOUT, receive.read_exact(&mut opening)).await;
        if matches!(read, Ok(Ok(())))
            && opening == [OPENING]
            && sink.send(link(peer, send, receive)).await.is_err()
        {
            break;
        }
    }
}

impl Opener for Messaging {
    fn dial<'a>(&'a self, peer: PublicKey, _: &'a [SocketAddr]) -> BoxFuture<'a, Result<Link, DialError>> {
        async move {
            let connection = self.client.connect(peer, ALPN_TRANSPORT).await?;
            let broken = |error: ConnectionError| DialError::Broken(error.into());
            let (mut send, receive) = connection.open_bi().await.map_err(broken)?;
            send.write_all(&[OPENING]).await.map_err(|error| DialError::Broken(error.into()))?;
            Ok(link(peer, send, receive))
        }
        .boxed()
    }

    fn listen_addresses(&self) -> Vec<SocketAddr> {
        Vec::new()
    }
}

fn link(peer: PublicKey, send: SendStream, receive: RecvStream) -> Link {
    let opening = Box::new(Framed::new(QuicPipe { send, receive }));
    Link { peer, address: "through messaging".to_owned(), opening }
}
