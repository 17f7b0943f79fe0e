//! The `datagram` packets of a route group as the path under QUIC.

use std::{
    collections::VecDeque,
    future::poll_fn,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use byway_net::virtual_path::{PathFull, RecvBatch, VirtualPath};
use parking_lot::Mutex;

use crate::{
    dataplane::{Dataplane, Wakes},
    group::{Group, Inbox, PEER},
};

/// A group's second path. Packets leave over the active route, or are lost; they come in over all.
#[derive(Debug)]
pub(super) struct DatagramPath {
    group: Arc<Group>,
    sending: Mutex<Wakes>,
    receiving: Mutex<Inbox>,
}

impl DatagramPath {
    pub(super) fn new(group: Arc<Group>) -> Arc<Self> {
        Arc::new(Self { group, sending: Mutex::default(), receiving: Mutex::default() })
    }

    /// Waits until a packet is there; leaves it. Cancel safe; not for use beside an endpoint.
    pub(super) async fn arrived(&self) {
        poll_fn(|cx| self.poll_take(cx, |_| ())).await;
    }

    /// Gives what was received to `take`, once there is something.
    fn poll_take(&self, cx: &Context<'_>, take: impl FnOnce(&mut VecDeque<Bytes>)) -> Poll<()> {
        let mut receiving = self.receiving.lock();
        if receiving.packets.is_empty() {
            self.group.wakers().datagrams.register(cx.waker());
            receiving.fetch(&self.group, Dataplane::receive_datagrams);
        }
        if receiving.packets.is_empty() {
            return Poll::Pending;
        }
        take(&mut receiving.packets);
        Poll::Ready(())
    }
}

impl VirtualPath for DatagramPath {
    /// Takes every packet. What finds no route or no room is lost, and QUIC slows down.
    fn try_send(&self, _: SocketAddr, packet: &[u8]) -> Result<(), PathFull> {
        if let Some(active) = self.group.active() {
            let packet = Bytes::copy_from_slice(packet);
            let _lost = self.group.dataplane().send_datagram(active, packet, &mut self.sending.lock());
        }
        Ok(())
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn poll_recv(&self, cx: &mut Context<'_>, batch: &mut RecvBatch<'_, '_>) -> Poll<()> {
        self.poll_take(cx, |packets| {
            while batch.has_room()
                && let Some(packet) = packets.pop_front()
            {
                batch.push(PEER, &packet);
            }
        })
    }
}
