//! Whoever can dial and accept: a node of this machine, or one within this process.

mod embedded;
mod local;

use byway_api::local::RouteView;
use byway_base::{OverlayAddress, Problem};
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

/// Receives the streams that others open to one port.
pub trait Accept: Send + 'static {
    /// The next stream, and who opened it. No stream is lost if the future is dropped.
    ///
    /// # Errors
    /// Why there will be no more.
    fn accept(&mut self) -> impl Future<Output = Result<(OverlayAddress, BoxedStream), Problem>> + Send;
}
