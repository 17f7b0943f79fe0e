//! A local UDP port whose every client has a channel to an app on the overlay: `byway connect --udp`.

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use byway_base::{
    Problem,
    limits::{UDP_PEERS, UDP_WAITING},
};
use tokio::{
    net::UdpSocket,
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep},
};

use super::{DATAGRAM_MAX, PAUSE, Program, bind, carry};
use crate::{
    choice::Choice,
    dial::{DatagramChannel, DialDatagrams},
    target::Target,
};

/// A bound local UDP port.
#[derive(Debug)]
pub struct Forward<D> {
    socket: Arc<UdpSocket>,
    address: SocketAddr,
    way: Arc<Way<D>>,
}

#[derive(Debug)]
struct Way<D> {
    dial: D,
    to: Target,
    choice: Choice,
}

/// A client with a channel, or with one that is being dialled.
struct Client {
    datagrams: mpsc::Sender<Bytes>,
    heard: Instant,
    task: AbortHandle,
}

impl<D: DialDatagrams> Forward<D> {
    /// Binds a local port; port 0 takes a free one. Dials nothing yet.
    ///
    /// # Errors
    /// [`Code::Bind`](byway_base::Code::Bind) if the address is taken or not this machine's.
    pub async fn bind(address: SocketAddr, dial: D, to: Target, choice: Choice) -> Result<Self, Problem> {
        let (socket, address) = bind(address).await?;
        Ok(Self { socket: Arc::new(socket), address, way: Arc::new(Way { dial, to, choice }) })
    }

    /// The bound address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves [`UDP_PEERS`] clients at once until dropped; one more takes the place of the one that was silent for longest.
    pub async fn serve(self) -> ! {
        let mut clients = BTreeMap::new();
        let mut tasks = JoinSet::new();
        let mut buffer = vec![0; DATAGRAM_MAX];
        loop {
            match self.socket.recv_from(&mut buffer).await {
                Ok((length, from)) => {
                    while tasks.try_join_next().is_some() {}
                    let datagram = Bytes::copy_from_slice(&buffer[..length]);
                    self.pass(&mut clients, &mut tasks, from, datagram);
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot take a datagram");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn pass(
        &self,
        clients: &mut BTreeMap<SocketAddr, Client>,
        tasks: &mut JoinSet<()>,
        from: SocketAddr,
        datagram: Bytes,
    ) {
        clients.retain(|_, client| !client.datagrams.is_closed());
        if !clients.contains_key(&from) {
            make_room(clients);
            clients.insert(from, self.client(tasks, from));
        }
        let Some(client) = clients.get_mut(&from) else { return };
        client.heard = Instant::now();
        if client.datagrams.try_send(datagram).is_err() {
            tracing::debug!(client = %from, "datagram dropped: too many wait");
        }
    }

    fn client(&self, tasks: &mut JoinSet<()>, address: SocketAddr) -> Client {
        let (datagrams, waiting) = mpsc::channel(UDP_WAITING);
        let (way, socket) = (self.way.clone(), self.socket.clone());
        let task = tasks.spawn(serve(way, FromClient { waiting, socket, address }));
        Client { datagrams, heard: Instant::now(), task }
    }
}

/// Ends the client that was silent for longest if there are as many as may be.
fn make_room(clients: &mut BTreeMap<SocketAddr, Client>) {
    if clients.len() < UDP_PEERS {
        return;
    }
    let silent = clients.iter().min_by_key(|(_, client)| client.heard).map(|(address, _)| *address);
    if let Some(client) = silent.and_then(|address| clients.remove(&address)) {
        client.task.abort();
    }
}

async fn serve<D: DialDatagrams>(way: Arc<Way<D>>, client: FromClient) {
    let address = client.address;
    match way.dial.dial_datagrams(&way.to, &way.choice).await {
        Ok((channel, routes)) => {
            let max = channel.max_size();
            tracing::debug!(client = %address, to = %way.to, max, hops = routes.first().map(|route| route.hops.len()), "connected");
            carry(address, client, channel).await;
        }
        Err(problem) => {
            tracing::warn!(client = %address, to = %way.to, code = %problem.code, why = problem.why, hint = problem.hint, "cannot connect");
        }
    }
}

/// A client of the shared socket.
struct FromClient {
    waiting: mpsc::Receiver<Bytes>,
    socket: Arc<UdpSocket>,
    address: SocketAddr,
}

impl Program for FromClient {
    async fn recv(&mut self) -> Option<Bytes> {
        self.waiting.recv().await
    }

    async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.socket.send_to(datagram, self.address).await.map(|_| ())
    }
}
