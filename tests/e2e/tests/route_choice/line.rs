//! A line between two UDP sockets that loses and delays what it carries, as told.

use std::{
    net::SocketAddr,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// What the line does to datagrams, in both directions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shape {
    pub(crate) delay: Duration,
    /// Every so many datagrams one is lost.
    pub(crate) lose_each: Option<u64>,
}

/// A running line. Dropping it cuts it.
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    shape: watch::Sender<Shape>,
    _tasks: JoinSet<()>,
}

/// Datagrams on the line in one direction; those beyond are lost.
const ON_THE_WAY: usize = 65_536;
const DATAGRAM: usize = 65_536;

impl Line {
    /// To `end`, from whoever sends to the line's address; for one peer.
    pub(crate) async fn to(end: SocketAddr, shape: Shape) -> Self {
        let near = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let far = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let address = near.local_addr().unwrap();
        let (shape, shaped) = watch::channel(shape);
        let (peer, peer_known) = watch::channel(None);
        let mut tasks = JoinSet::new();
        let (out, on_the_way) = mpsc::channel(ON_THE_WAY);
        tasks.spawn(take(near.clone(), shaped.clone(), out, Some(peer)));
        tasks.spawn(deliver(far.clone(), on_the_way, async move || end));
        let (back, on_the_way) = mpsc::channel(ON_THE_WAY);
        tasks.spawn(take(far, shaped, back, None));
        let peer = async move || {
            let mut known = peer_known.clone();
            let found = *known.wait_for(Option::is_some).await.unwrap();
            found.unwrap()
        };
        tasks.spawn(deliver(near, on_the_way, peer));
        Self { address, shape, _tasks: tasks }
    }

    /// From now on.
    pub(crate) fn reshape(&self, shape: Shape) {
        self.shape.send_replace(shape);
    }
}

/// A datagram and when it is due.
type Due = (Instant, Vec<u8>);

/// Reads what comes, and puts it on the line unless that loses it.
async fn take(
    socket: Arc<UdpSocket>,
    shape: watch::Receiver<Shape>,
    line: mpsc::Sender<Due>,
    sender: Option<watch::Sender<Option<SocketAddr>>>,
) {
    let (count, mut buffer) = (AtomicU64::new(0), vec![0; DATAGRAM]);
    loop {
        // The other end may be gone for a while, which a UDP socket reports as an error.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(sender) = &sender {
            sender.send_replace(Some(from));
        }
        let Shape { delay, lose_each } = *shape.borrow();
        let number = count.fetch_add(1, Relaxed) + 1;
        if lose_each.is_none_or(|each| number % each != 0) {
            // A full line loses, as lines do.
            let _ = line.try_send((Instant::now() + delay, buffer[..length].to_vec()));
        }
    }
}

async fn deliver(socket: Arc<UdpSocket>, mut line: mpsc::Receiver<Due>, to: impl AsyncFn() -> SocketAddr) {
    while let Some((due, datagram)) = line.recv().await {
        sleep_until(due).await;
        // Whoever is gone gets nothing.
        let _ = socket.send_to(&datagram, to().await).await;
    }
}
