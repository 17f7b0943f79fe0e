//! A virtual path whose packets the test carries: QUIC by hand over a link, or over messaging frames.

use std::{
    collections::VecDeque,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use byway_net::virtual_path::{PathFull, RecvBatch, VirtualPath};

/// Takes a packet that QUIC sends.
type SendPacket = Box<dyn Fn(&[u8]) + Send + Sync>;

/// One end of a path. What is sent is given to a closure; what has arrived is put in by the test.
pub(crate) struct PacketPath {
    peer: SocketAddr,
    send: SendPacket,
    arrived: Mutex<(VecDeque<Vec<u8>>, Option<Waker>)>,
}

impl PacketPath {
    /// A path to one peer that is called `peer` here.
    pub(crate) fn new(peer: SocketAddr, send: impl Fn(&[u8]) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { peer, send: Box::new(send), arrived: Mutex::default() })
    }

    /// A packet has arrived.
    pub(crate) fn push(&self, packet: &[u8]) {
        let mut arrived = self.arrived.lock().unwrap();
        arrived.0.push_back(packet.to_vec());
        let waker = arrived.1.take();
        drop(arrived);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl fmt::Debug for PacketPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketPath").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl VirtualPath for PacketPath {
    fn try_send(&self, _: SocketAddr, packet: &[u8]) -> Result<(), PathFull> {
        (self.send)(packet);
        Ok(())
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn poll_recv(&self, cx: &mut Context<'_>, batch: &mut RecvBatch<'_, '_>) -> Poll<()> {
        let mut arrived = self.arrived.lock().unwrap();
        if arrived.0.is_empty() {
            arrived.1 = Some(cx.waker().clone());
            return Poll::Pending;
        }
        while batch.has_room() {
            let Some(packet) = arrived.0.pop_front() else { break };
            batch.push(self.peer, &packet);
        }
        Poll::Ready(())
    }
}
