//! Listens on a port of the node.

use std::{fmt, pin::Pin};

use byway_api::local::FROM_HEADER;
use byway_base::{Code, OverlayAddress, Port, Problem};

use crate::{
    LocalNode, Stream,
    call::{finish, request},
    connection,
    dial::{header, upgrade},
    reply,
};

type Accepting = Pin<Box<dyn Future<Output = Result<(OverlayAddress, Stream), Problem>> + Send>>;

/// A hold on a port of the node; dropping it closes the port.
pub struct Listener {
    node: LocalNode,
    port: Port,
    /// The node closes the port when this ends.
    _hold: Stream,
    /// The request for the next stream. It outlives a call of `accept` that is given up, so that no stream is lost.
    pending: Option<Accepting>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("node", &self.node).field("port", &self.port).finish_non_exhaustive()
    }
}

impl LocalNode {
    /// Opens a port for streams from other nodes.
    ///
    /// # Errors
    /// [`Code::Conflict`] if another app has the port, [`Code::Limit`] if the node has as many listeners as it may;
    /// else as [`Self::call`].
    pub async fn listen(&self, port: Port) -> Result<Listener, Problem> {
        let request = finish(upgrade(request("POST", &format!("/v1/listen/{port}"))), &())?;
        let exchange = async {
            let (response, _driver) = connection::exchange(self.socket(), request).await?;
            Stream::upgraded(response).await
        };
        let (hold, _) = self.in_time(exchange).await?;
        Ok(Listener { node: self.clone(), port, _hold: hold, pending: None })
    }
}

impl Listener {
    /// The port.
    #[must_use]
    pub fn port(&self) -> Port {
        self.port
    }

    /// The next stream that a peer opened, and the peer. Waits as long as it takes.
    ///
    /// # Errors
    /// Why the port is no longer held: the node stopped, or forgot it. The listener is of no use then.
    ///
    /// # Cancel safety
    /// No stream is lost if the future is dropped, as long as the listener is not.
    pub async fn accept(&mut self) -> Result<(OverlayAddress, Stream), Problem> {
        loop {
            let (node, port) = (&self.node, self.port);
            let pending = self.pending.get_or_insert_with(|| Box::pin(accept(node.clone(), port)));
            let accepted = pending.await;
            self.pending = None;
            match accepted {
                // The node answers every request within its own deadline, also when nobody came.
                Err(problem) if problem.code == Code::Timeout => {}
                accepted => return accepted,
            }
        }
    }
}

async fn accept(node: LocalNode, port: Port) -> Result<(OverlayAddress, Stream), Problem> {
    let request = finish(upgrade(request("POST", &format!("/v1/accept/{port}"))), &())?;
    let (response, _driver) = connection::exchange(node.socket(), request).await?;
    let (stream, headers) = Stream::upgraded(response).await?;
    let from = header(&headers, FROM_HEADER)?.parse().map_err(reply::foreign)?;
    Ok((from, stream))
}
