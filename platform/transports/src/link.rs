//! What carries a transport's packets once its edges agreed.

use std::{
    collections::VecDeque,
    io,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::BytesMut;
use byway_net::Pipe;
use byway_routing::Outgoing;
use byway_wire::Packet;

/// A link between two edges that agreed. All methods are polled by the one task that owns it; dropping it ends it.
///
/// Packets of one flow arrive in the order in which they were sent. Nothing else is promised of an order.
pub trait PacketLink: Send + 'static {
    /// Takes packets off the front of `queue` and sends them. Ready once `queue` is empty and the link can take more;
    /// pending while what it took must leave first.
    ///
    /// # Errors
    /// If the link broke.
    fn poll_send(&mut self, cx: &mut Context<'_>, queue: &mut VecDeque<Outgoing>) -> Poll<io::Result<()>>;

    /// Appends packets that arrived. Ready after one or more bytes came, pending while there are none.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if the peer closed the link; any other if it broke or carried what is no packet.
    fn poll_receive(&mut self, cx: &mut Context<'_>, packets: &mut Vec<Packet>) -> Poll<io::Result<()>>;

    /// Ends the link so that the peer sees an end and not a break.
    ///
    /// # Errors
    /// If the link broke.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// How many `datagram` and `trace` packets were dropped since the last call: larger than the path takes, or more.
    fn take_dropped(&mut self) -> u64;

    /// Bytes of packets that are worth handing over at once: as much as leaves soon.
    fn batch(&self) -> usize;

    /// What the link counts; none if it sees no packets of its own.
    fn meter(&self) -> Option<Arc<dyn Meter>>;
}

/// Reads a link's counters, from any task.
pub trait Meter: Send + Sync {
    /// The counters now.
    fn read(&self) -> Reading;
}

/// Counters of a link since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// Packets sent, as the network sees them.
    pub sent: u64,
    /// Of these, lost.
    pub lost: u64,
}

/// An authenticated link before the edges agreed on the entry.
pub trait Opening: Send + 'static {
    /// The bytes over which they agree.
    fn stream(&mut self) -> &mut dyn Pipe;

    /// The link for what follows. `received` came already, behind the agreement.
    ///
    /// # Errors
    /// If the edges did not agree over [`Self::stream`].
    fn carry(self: Box<Self>, received: BytesMut) -> io::Result<Box<dyn PacketLink>>;
}
