//! One task per transport: moves packets between its link and the data half, in batches.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use byway_routing::{Outgoing, TransportSlot};
use byway_transports::PacketLink;
use byway_wire::Packet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::dataplane::{Dataplane, TransportWaker, Wakes};

/// Time for the last bytes of a transport that this node closes.
const GOODBYE: Duration = Duration::from_secs(1);
/// Batches that one poll moves in each direction before it lets other tasks run.
const BATCHES_PER_POLL: usize = 8;

/// A transport's link and what is in the middle of being read or written.
pub(crate) struct Driver {
    link: Box<dyn PacketLink>,
    slot: TransportSlot,
    dataplane: Arc<Dataplane>,
    waker: Arc<TransportWaker>,
    /// The last batch was a full one.
    more: bool,
    packets: Vec<Packet>,
    batch: Vec<Outgoing>,
    sending: VecDeque<Outgoing>,
    wakes: Wakes,
}

impl Driver {
    /// A driver for a transport that the data half knows under `slot`, with the waker that it was given.
    pub(crate) fn new(
        link: Box<dyn PacketLink>,
        slot: TransportSlot,
        dataplane: Arc<Dataplane>,
        waker: Arc<TransportWaker>,
    ) -> Self {
        Self {
            link,
            slot,
            dataplane,
            waker,
            more: false,
            packets: Vec::new(),
            batch: Vec::new(),
            sending: VecDeque::new(),
            wakes: Wakes::default(),
        }
    }

    /// Runs until the link ends or breaks, the peer sends what is no packet, or `stop`; says which.
    pub(crate) async fn run(mut self, stop: &CancellationToken) -> String {
        match stop.run_until_cancelled(poll_fn(|cx| self.poll(cx))).await {
            Some(error) if error.kind() == io::ErrorKind::UnexpectedEof => "closed by the peer".to_owned(),
            Some(error) => error.to_string(),
            None => {
                // The peer sees an end, not a break; one that does not read is not waited for.
                let _ = timeout(GOODBYE, poll_fn(|cx| self.link.poll_close(cx))).await;
                "closed by this node".to_owned()
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.waker.register(cx.waker());
        for _ in 0..BATCHES_PER_POLL {
            let sent = match self.poll_send(cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                other => other.is_ready(),
            };
            let received = match self.poll_receive(cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                other => other.is_ready(),
            };
            if !sent && !received {
                return Poll::Pending;
            }
        }
        // There is more to do; other tasks go first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ready after a batch was taken and sent; pending while the link takes no more or nothing waits.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What the link took before goes first.
        ready!(self.link.poll_send(cx, &mut self.sending))?;
        // The forwarder signals what comes after a batch that was not full.
        if !self.waker.take_signal() && !self.more {
            return Poll::Pending;
        }
        let room = self.link.batch();
        let taken = self.dataplane.poll_transmit(self.slot, room, &mut self.batch, &mut self.wakes);
        self.more = taken >= room;
        if self.batch.is_empty() {
            return Poll::Pending;
        }
        self.sending.extend(self.batch.drain(..));
        let sent = self.link.poll_send(cx, &mut self.sending);
        (0..self.link.take_dropped()).for_each(|_| self.dataplane.datagram_refused());
        sent
    }

    /// Ready after packets were handed on; pending while the link has none.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let received = self.link.poll_receive(cx, &mut self.packets);
        // What came before a link broke counts.
        if !self.packets.is_empty() {
            self.dataplane.handle_packets(self.slot, &mut self.packets, &mut self.wakes);
        }
        received
    }
}
