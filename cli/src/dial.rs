//! Whoever can dial and accept: a node of this machine, or one within this process.

mod embedded;
mod local;

use bytes::Bytes;
use byway_api::local::RouteView;
use byway_base::{DatagramError, OverlayAddress, Problem};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{choice::Choice, target::Target};

/// A byte stream of whatever kind.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// A byte stream between two apps. Shutting it down ends one half; dropping it gives both up.
pub type BoxedStream = Box<dyn ByteStream>;

/// A stream that was dialled.
pub struct Dialled {
    /// The bytes.
    pub stream: BoxedStream,
    /// Over which routes they go, the active one first.
    pub routes: Vec<RouteView>,
}

/// Opens streams to apps elsewhere.
pub trait Dial: Clone + Send + Sync + 'static {
    /// Opens a stream. Bounded in time by the implementation.
    ///
    /// # Errors
    /// Why there is none, with a code of its own.
    fn dial(&self, to: &Target, choice: &Choice) -> impl Future<Output = Result<Dialled, Problem>> + Send;
}

/// A channel for datagrams between two apps. Dropping it closes it.
pub trait DatagramChannel: Send + Sync + 'static {
    /// Sends a datagram; it may be lost.
    ///
    /// # Errors
    /// [`DatagramError`].
    fn send(&self, datagram: &[u8]) -> impl Future<Output = Result<(), DatagramError>> + Send;

    /// The next datagram that came; `None` once the channel is closed. None is lost if the future is dropped.
    fn recv(&self) -> impl Future<Output = Option<Bytes>> + Send;

    /// Bytes of the largest datagram that the path carries at present.
    fn max_size(&self) -> usize;
}

/// Opens channels for datagrams to apps elsewhere.
pub trait DialDatagrams: Clone + Send + Sync + 'static {
    /// What it opens.
    type Channel: DatagramChannel;

    /// Opens a channel; says over which routes it goes, the active one first. Bounded in time by the implementation.
    ///
    /// # Errors
    /// Why there is none, with a code of its own.
    fn dial_datagrams(
        &self,
        to: &Target,
        choice: &Choice,
    ) -> impl Future<Output = Result<(Self::Channel, Vec<RouteView>), Problem>> + Send;
}

/// Receives what others open to one port: streams, or channels for datagrams.
pub trait Accept: Send + 'static {
    /// What it receives.
    type Channel;

    /// The next one, and who opened it. None is lost if the future is dropped.
    ///
    /// # Errors
    /// Why there will be no more.
    fn accept(&mut self) -> impl Future<Output = Result<(OverlayAddress, Self::Channel), Problem>> + Send;
}
