//! Who comes in by the listeners: clients over TLS or QUIC, and other servers. One task each.

use std::{net::SocketAddr, sync::Arc};

use byway_base::{
    PublicKey,
    limits::{HANDSHAKE_TIMEOUT, HANDSHAKES_AT_ONCE},
};
use byway_messaging_client::ALPN_RELAY;
use byway_net::{
    Pipe, TlsPipe,
    quic::udp::{QuicPipe, UdpLink},
    tcp::TlsConnection,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};

use crate::{
    connection::{self, Connection, End},
    links::Linker,
    listen::{Accepted, Accepting},
    relay::Relay,
    report,
};

/// Serves whoever is accepted. Dropping it ends all of their connections.
pub(crate) struct Reception {
    accepting: Accepting,
    linker: Linker,
    clients: JoinSet<()>,
    /// Other servers that dialled this one.
    servers: JoinSet<()>,
    /// QUIC connections on which nothing was said yet.
    silent: Arc<Semaphore>,
}

impl Reception {
    pub(crate) fn new(linker: Linker, accepting: Accepting) -> Self {
        let silent = Arc::new(Semaphore::new(HANDSHAKES_AT_ONCE));
        Self { accepting, linker, clients: JoinSet::new(), servers: JoinSet::new(), silent }
    }

    /// Accepts until nobody comes any more.
    ///
    /// # Cancel safety
    /// Nobody is lost if the future is dropped.
    pub(crate) async fn run(&mut self) {
        loop {
            tokio::select! {
                accepted = self.accepting.next() => match accepted {
                    Some(Accepted::Tls(connection)) if connection.alpn == ALPN_RELAY => self.server(*connection),
                    Some(Accepted::Tls(connection)) => self.tls_client(*connection),
                    Some(Accepted::Quic(link)) => self.quic_client(link),
                    None => return,
                },
                Some(ended) = self.clients.join_next() => report::failed_task(ended),
                Some(ended) = self.servers.join_next() => report::failed_task(ended),
            }
        }
    }

    fn tls_client(&mut self, connection: TlsConnection) {
        let (key, address) = (connection.peer, connection.address);
        // What a task is made of stays with it as long as it lives: it gets no more than the finished connection.
        let pipe = TlsPipe::new(connection);
        match enter(&self.linker.relay, key, pipe) {
            Ok(connection) => self.clients.spawn(async move {
                let end = connection.await;
                report::ended("tls", key, address, &end);
            }),
            Err(pipe) => self.clients.spawn(async move {
                connection::turn_away(pipe).await;
                report::ended("tls", key, address, &End::Full);
            }),
        };
        report::began("tls");
    }

    fn quic_client(&mut self, link: UdpLink) {
        let (key, address) = (link.peer, link.connection.remote_address());
        let Ok(permit) = self.silent.clone().try_acquire_owned() else {
            return report::ended("quic", key, address, &End::Full);
        };
        let relay = self.linker.relay.clone();
        self.clients.spawn(async move {
            let end = serve_quic(relay, link, permit).await;
            report::ended("quic", key, address, &end);
        });
        report::began("quic");
    }

    fn server(&mut self, connection: TlsConnection) {
        let (key, address) = (connection.peer, connection.address);
        let linker = self.linker.clone();
        self.servers.spawn(async move {
            let end = linker.accept(connection).await;
            log_refusal(key, address, &end);
            report::ended("server", key, address, &end);
        });
        report::began("server");
    }

    /// Accepts nobody any more.
    pub(crate) fn close(&mut self) {
        self.accepting.close();
    }

    /// Waits until all clients left.
    pub(crate) async fn empty(&mut self) {
        while let Some(ended) = self.clients.join_next().await {
            report::failed_task(ended);
        }
    }

    /// Cuts off who is left.
    pub(crate) async fn end(mut self) {
        self.clients.shutdown().await;
        self.servers.shutdown().await;
    }
}

/// Gives a client its place, or the pipe back if there is none.
fn enter<P: Pipe>(relay: &Arc<Relay>, key: PublicKey, pipe: P) -> Result<Connection<P>, P> {
    match relay.connect_client(key) {
        Ok(id) => Ok(Connection::new(relay.clone(), id, pipe)),
        Err(_) => Err(pipe),
    }
}

async fn serve_quic(relay: Arc<Relay>, link: UdpLink, silent: OwnedSemaphorePermit) -> End {
    let key = link.peer;
    let pipe = match QuicPipe::accept(link, HANDSHAKE_TIMEOUT).await {
        Ok(pipe) => pipe,
        Err(error) => return End::Broken(error),
    };
    drop(silent);
    match enter(&relay, key, pipe) {
        Ok(connection) => connection.await,
        Err(pipe) => {
            connection::turn_away(pipe).await;
            End::Full
        }
    }
}

fn log_refusal(server: PublicKey, address: SocketAddr, end: &End) {
    if matches!(end, End::Unlisted | End::Violation(_)) {
        tracing::info!(?server, %address, %end, "a link from another server was refused or cut off");
    }
}
