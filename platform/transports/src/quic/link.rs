//! A QUIC connection over UDP as a link.

use std::{
    collections::VecDeque,
    io,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::BytesMut;
use byway_net::quic::udp::Gauge;
use byway_routing::Outgoing;
use byway_wire::{Kind, Packet};
use quinn::{Connection, RecvStream, SendStream, VarInt};

use super::{receiver::Receiver, sender::Sender};
use crate::link::{Meter, PacketLink, Reading};

/// QUIC code of a link that its edge closes.
const CLOSE: VarInt = VarInt::from_u32(0);

pub(super) struct QuicLink {
    connection: Connection,
    sender: Sender,
    receiver: Receiver,
}

impl QuicLink {
    /// `send` and `receive` are the stream of the agreement, `received` what came behind it.
    pub(super) fn new(
        connection: Connection,
        gauge: Arc<Gauge>,
        send: SendStream,
        receive: RecvStream,
        received: BytesMut,
    ) -> Self {
        Self {
            receiver: Receiver::new(&connection, receive, received),
            sender: Sender::new(connection.clone(), send, gauge),
            connection,
        }
    }
}

impl PacketLink for QuicLink {
    fn poll_send(&mut self, cx: &mut Context<'_>, queue: &mut VecDeque<Outgoing>) -> Poll<io::Result<()>> {
        self.sender.poll(cx, queue)
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>, packets: &mut Vec<Packet>) -> Poll<io::Result<()>> {
        let before = packets.len();
        let result = self.receiver.poll(cx, packets);
        for fault in packets[before..].iter().filter(|packet| packet.kind == Kind::Fault) {
            self.sender.end(fault.routing_id);
        }
        result
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.close(CLOSE, b"closed");
        Poll::Ready(Ok(()))
    }

    fn take_dropped(&mut self) -> u64 {
        self.sender.take_dropped()
    }

    fn batch(&self) -> usize {
        self.sender.batch()
    }

    fn meter(&self) -> Option<Arc<dyn Meter>> {
        Some(Arc::new(ConnectionMeter(self.connection.clone())))
    }
}

impl Drop for QuicLink {
    fn drop(&mut self) {
        // Meters hold the connection too.
        self.connection.close(CLOSE, b"dropped");
    }
}

struct ConnectionMeter(Connection);

impl Meter for ConnectionMeter {
    fn read(&self) -> Reading {
        let path = self.0.stats().path;
        Reading { sent: path.sent_packets, lost: path.lost_packets }
    }
}
