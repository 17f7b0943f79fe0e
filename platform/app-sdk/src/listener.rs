//! Listens on a port of the node.

use std::{fmt, pin::Pin};

use byway_api::local::FROM_HEADER;
use byway_base::{Code, OverlayAddress, Port, Problem};

use crate::{
    Channel, Datagrams, LocalNode, Stream,
    call::{finish, request},
    connection,
    dial::{header, upgrade},
    reply,
};

type Accepting<C> = Pin<Box<dyn Future<Output = Result<(OverlayAddress, C), Problem>> + Send>>;

/// A hold on a port of the node, for streams or for [`Datagrams`]; dropping it closes the port.
pub struct Listener<C = Stream> {
    node: LocalNode,
    port: Port,
    /// The node closes the port when this ends.
    _hold: Stream,
    /// The request for the next channel. It outlives a call of `accept` that is given up, so that none is lost.
    pending: Option<Accepting<C>>,
}

impl<C> fmt::Debug for Listener<C> {
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
        self.hold(port).await
    }

    /// Opens a port for datagrams from other nodes. The same port may be open for streams too, also by another app.
    ///
    /// # Errors
    /// As [`Self::listen`].
    pub async fn listen_datagrams(&self, port: Port) -> Result<Listener<Datagrams>, Problem> {
        self.hold(port).await
    }

    async fn hold<C: Channel>(&self, port: Port) -> Result<Listener<C>, Problem> {
        let request = finish(upgrade::<C>(request("POST", &format!("{}/listen/{port}", C::PATH))), &())?;
        let exchange = async {
            let (response, _driver) = connection::exchange(self.socket(), request).await?;
            Stream::upgraded(response, C::PROTOCOL).await
        };
        let (hold, _) = self.in_time(exchange).await?;
        Ok(Listener { node: self.clone(), port, _hold: hold, pending: None })
    }
}

impl<C: Channel> Listener<C> {
    /// The port.
    #[must_use]
    pub fn port(&self) -> Port {
        self.port
    }

    /// The next channel that a peer opened, and the peer. Waits as long as it takes.
    ///
    /// # Errors
    /// Why the port is no longer held: the node stopped, or forgot it. The listener is of no use then.
    ///
    /// # Cancel safety
    /// No channel is lost if the future is dropped, as long as the listener is not.
    pub async fn accept(&mut self) -> Result<(OverlayAddress, C), Problem> {
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

async fn accept<C: Channel>(node: LocalNode, port: Port) -> Result<(OverlayAddress, C), Problem> {
    let request = finish(upgrade::<C>(request("POST", &format!("{}/accept/{port}", C::PATH))), &())?;
    let (response, _driver) = connection::exchange(node.socket(), request).await?;
    let (stream, headers) = Stream::upgraded(response, C::PROTOCOL).await?;
    let from = header(&headers, FROM_HEADER)?.parse().map_err(reply::foreign)?;
    Ok((from, C::begin(stream).await?))
}
