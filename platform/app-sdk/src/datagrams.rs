//! Datagrams between two apps, as the local API carries them.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use byway_api::local::{DATAGRAM_PROTOCOL, DatagramFrame, FRAME_LENGTH, FRAME_MAX};
use byway_base::{DatagramError, Problem};
use futures_util::StreamExt;
use tokio::{
    io::{AsyncWriteExt, ReadHalf, WriteHalf, split},
    sync::Mutex,
};
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};

use crate::{Channel, Stream, reply};

/// A channel for datagrams to an app on another node: they may be lost, come late, or overtake others. Dropping it closes
/// it.
#[derive(Debug)]
pub struct Datagrams {
    to_node: Mutex<ToNode>,
    from_node: Mutex<FramedRead<ReadHalf<Stream>, LengthDelimitedCodec>>,
    max: AtomicUsize,
}

#[derive(Debug)]
struct ToNode {
    io: WriteHalf<Stream>,
    /// The rest of a frame whose sender was given up.
    rest: BytesMut,
}

impl Datagrams {
    /// Sends a datagram, at most [`Self::max_size`] bytes. Waits only while the node itself is busy.
    ///
    /// # Errors
    /// [`DatagramError::TooLarge`] with the size that the path carries now, [`DatagramError::Closed`].
    ///
    /// # Cancel safety
    /// A datagram whose future is dropped is sent whole, later, or not at all.
    pub async fn send(&self, datagram: &[u8]) -> Result<(), DatagramError> {
        let max = self.max_size();
        if datagram.len() > max {
            return Err(DatagramError::TooLarge { max });
        }
        let mut to_node = self.to_node.lock().await;
        let ToNode { io, rest } = &mut *to_node;
        io.write_all_buf(rest).await.map_err(|_| DatagramError::Closed)?;
        rest.extend_from_slice(&DatagramFrame::Datagram(datagram).to_bytes());
        io.write_all_buf(rest).await.map_err(|_| DatagramError::Closed)
    }

    /// The next datagram that came; `None` once the channel is closed. Who takes them too slowly gets the newest.
    ///
    /// # Cancel safety
    /// No datagram is lost if the future is dropped.
    pub async fn recv(&self) -> Option<Bytes> {
        let mut from_node = self.from_node.lock().await;
        loop {
            let frame: BytesMut = from_node.next().await?.ok()?;
            let frame = frame.freeze();
            match DatagramFrame::read(&frame).ok()? {
                DatagramFrame::Datagram(datagram) => return Some(frame.slice_ref(datagram)),
                DatagramFrame::Maximum(max) => self.max.store(max, Ordering::Relaxed),
            }
        }
    }

    /// Bytes of the largest datagram that the path carries, as the node said last. The news come in between the datagrams:
    /// it stays the same for whoever never waits in [`Self::recv`].
    #[must_use]
    pub fn max_size(&self) -> usize {
        self.max.load(Ordering::Relaxed)
    }
}

impl Channel for Datagrams {
    const PROTOCOL: &'static str = DATAGRAM_PROTOCOL;
    const PATH: &'static str = "/v1/datagrams";

    async fn begin(connection: Stream) -> Result<Self, Problem> {
        let mut codec = LengthDelimitedCodec::builder();
        codec.length_field_length(FRAME_LENGTH).max_frame_length(FRAME_MAX);
        let (from_node, io) = split(connection);
        let mut from_node = codec.new_read(from_node);
        let first = from_node.next().await;
        let first = first.ok_or_else(|| reply::foreign("it said nothing of its datagrams"))?;
        let first = first.map_err(reply::foreign)?;
        match DatagramFrame::read(&first) {
            Ok(DatagramFrame::Maximum(max)) => {
                let to_node = ToNode { io, rest: BytesMut::new() };
                Ok(Self { to_node: Mutex::new(to_node), from_node: Mutex::new(from_node), max: max.into() })
            }
            _ => Err(reply::foreign("it did not begin with the size of its datagrams")),
        }
    }
}
