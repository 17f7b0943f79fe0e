//! Links with other servers: dialled when a client's datagram is for one of theirs, accepted from servers only.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};

use bytes::BytesMut;
use byway_base::{PublicKey, limits::CONNECT_TIMEOUT};
use byway_messaging_client::ALPN_RELAY;
use byway_net::{
    Expect, Identity, Pipe, TlsPipe,
    tcp::{self, TlsConnection},
};
use byway_wire::messaging::Frame;
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use crate::{
    connection::{self, Connection, End},
    outgoing::Outgoing,
    relay::Relay,
    report,
    servers::Servers,
};

/// Time to find another server, reach it and hear from it. What waits for it is worth nothing later.
const DIAL: Duration = CONNECT_TIMEOUT.saturating_mul(2);
/// Time for one of its addresses.
const ADDRESS: Duration = Duration::from_secs(3);

/// Why another server is not reached.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("links with other servers are off, or there is no directory to find them in")]
    Off,
    #[error("it is this server itself")]
    Own,
    #[error("no valid record says where it is")]
    Unknown,
    #[error("none of its {0} addresses answers as it")]
    Unreachable(usize),
    #[error("it refused the link, or said nothing")]
    Refused(#[source] io::Error),
    #[error("it took longer than {DIAL:?}")]
    Timeout,
}

/// What it takes to link with other servers.
#[derive(Clone)]
pub(crate) struct Linker {
    pub(crate) relay: Arc<Relay>,
    pub(crate) identity: Identity,
    /// None if this server does not link with others.
    pub(crate) servers: Option<Arc<Servers>>,
}

impl Linker {
    /// Dials whom the relay wants dialled, until it is dropped.
    pub(crate) async fn run(self, mut wanted: mpsc::Receiver<PublicKey>) {
        let mut links = JoinSet::new();
        loop {
            tokio::select! {
                Some(server) = wanted.recv() => {
                    let this = self.clone();
                    links.spawn(async move { this.serve(server).await });
                }
                Some(ended) = links.join_next() => report::failed_task(ended),
                else => return,
            }
        }
    }

    async fn serve(self, server: PublicKey) {
        let dialled = timeout(DIAL, self.dial(server)).await.unwrap_or(Err(DialError::Timeout));
        let (pipe, address, arrived) = match dialled {
            Ok(dialled) => dialled,
            Err(error) => {
                tracing::debug!(?server, %error, "another messaging server is not reached");
                metrics::counter!("byway_messaging_links_failed_total").increment(1);
                return self.relay.link_failed(server);
            }
        };
        let Ok(id) = self.relay.link_connected(server) else { return };
        tracing::info!(?server, %address, "linked with another messaging server");
        let end = Connection::of_link(self.relay, id, pipe, arrived).await;
        report::ended("link", server, address, &end);
    }

    /// Reaches a server, and waits until it answers: that it took this one in, the end of the handshake does not say.
    async fn dial(&self, server: PublicKey) -> Result<(TlsPipe, SocketAddr, BytesMut), DialError> {
        let servers = self.servers.as_ref().ok_or(DialError::Off)?;
        if server == self.identity.public() {
            return Err(DialError::Own);
        }
        let addresses = servers.addresses(server).await;
        if addresses.is_empty() {
            return Err(DialError::Unknown);
        }
        for address in &addresses {
            let expect = Expect::Exactly(server);
            match tcp::connect(*address, &self.identity, expect, ALPN_RELAY, ADDRESS).await {
                Ok(connection) => {
                    let mut pipe = TlsPipe::new(connection);
                    let arrived = greet(&mut pipe).await.map_err(DialError::Refused)?;
                    return Ok((pipe, *address, arrived));
                }
                Err(error) => tracing::debug!(?server, %address, %error, "cannot reach a messaging server"),
            }
        }
        Err(DialError::Unreachable(addresses.len()))
    }

    /// Serves a server that dialled this one, if it is known to be one.
    pub(crate) async fn accept(self, connection: TlsConnection) -> End {
        let key = connection.peer;
        let pipe = TlsPipe::new(connection);
        let addresses = match &self.servers {
            Some(servers) => timeout(DIAL, servers.addresses(key)).await.unwrap_or_default(),
            None => Vec::new(),
        };
        if addresses.is_empty() {
            connection::turn_away(pipe).await;
            return End::Unlisted;
        }
        match self.relay.connect_server(key) {
            Ok(id) => Connection::of_link(self.relay, id, pipe, BytesMut::new()).await,
            Err(_) => {
                connection::turn_away(pipe).await;
                End::Full
            }
        }
    }
}

/// Asks for a sign of life and waits for it. Returns what came behind it.
async fn greet(pipe: &mut TlsPipe) -> io::Result<BytesMut> {
    let mut outgoing = Outgoing::default();
    outgoing.push(Frame::Ping(0));
    let mut arrived = BytesMut::new();
    poll_fn(|cx| {
        while !outgoing.is_empty() {
            let taken = ready!(outgoing.write(|slices| pipe.poll_write(cx, slices)))?;
            outgoing.advance(taken);
        }
        loop {
            let _ = pipe.poll_flush(cx)?;
            match Frame::take(&mut arrived) {
                Ok(Some(Frame::Pong(_))) => return Poll::Ready(io::Result::Ok(())),
                Ok(Some(_)) | Err(_) => return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into())),
                Ok(None) => {}
            }
            if ready!(pipe.poll_read(cx, &mut arrived))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    })
    .await?;
    Ok(arrived)
}
