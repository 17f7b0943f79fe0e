//! Packets that arrived, between the links' tasks and the QUIC endpoint.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use byway_net::virtual_path::{RecvBatch, WakerSet, WakerSlot};
use parking_lot::Mutex;

/// Bytes beyond which links stop reading. The endpoint empties the queue whenever it runs, so that more than a few
/// reads' worth only accumulates on a busy machine; then the back-pressure reaches the server, which drops fairly.
const LIMIT: usize = 4 * 1024 * 1024;
/// Bytes that a packet counts beside its content, so that empty ones do not queue for nothing.
const OVERHEAD: usize = 128;

/// A packet and the synthetic address of its source.
pub(crate) type Packet = (SocketAddr, Bytes);

#[derive(Debug, Default)]
pub(crate) struct Inbound {
    state: Mutex<State>,
    links: Arc<WakerSet>,
}

#[derive(Debug, Default)]
struct State {
    packets: VecDeque<Packet>,
    bytes: usize,
    endpoint: Option<Waker>,
}

impl Inbound {
    /// A link's place among those that wait for room.
    pub(crate) fn slot(&self) -> WakerSlot {
        self.links.slot()
    }

    /// Hands packets to the endpoint. Always takes them; the caller asks for room before it reads more.
    pub(crate) fn push(&self, packets: impl IntoIterator<Item = Packet>) {
        let endpoint = {
            let mut state = self.state.lock();
            for packet in packets {
                state.bytes += packet.1.len() + OVERHEAD;
                state.packets.push_back(packet);
            }
            if state.packets.is_empty() { None } else { state.endpoint.take() }
        };
        endpoint.into_iter().for_each(Waker::wake);
    }

    /// Ready while there is room; otherwise the task is woken once there is.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>, slot: &WakerSlot) -> Poll<()> {
        if self.state.lock().bytes < LIMIT {
            return Poll::Ready(());
        }
        // Registered before asking again, so that room made in between is noticed.
        slot.wait(cx.waker());
        if self.state.lock().bytes < LIMIT { Poll::Ready(()) } else { Poll::Pending }
    }

    /// The endpoint's side: see [`byway_net::virtual_path::VirtualPath::poll_recv`].
    pub(crate) fn poll_recv(&self, cx: &mut Context<'_>, batch: &mut RecvBatch<'_, '_>) -> Poll<()> {
        let was_full = {
            let mut state = self.state.lock();
            if state.packets.is_empty() {
                state.endpoint = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let was_full = state.bytes >= LIMIT;
            while batch.has_room()
                && let Some((from, packet)) = state.packets.pop_front()
            {
                state.bytes -= packet.len() + OVERHEAD;
                batch.push(from, &packet);
            }
            was_full && state.bytes < LIMIT
        };
        if was_full {
            self.links.wake_all();
        }
        Poll::Ready(())
    }
}
