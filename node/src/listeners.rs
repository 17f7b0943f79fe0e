//! Which ports have an app, and the streams that wait for it.

use std::{collections::BTreeMap, sync::Arc};

use byway_base::{
    Code, OverlayAddress, Port, Problem,
    limits::{ACCEPT_BACKLOG, LISTENERS},
};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::stream::OverlayStream;

/// A stream that a peer opened to a port of this node.
#[derive(Debug)]
pub struct Incoming {
    /// The other end.
    pub from: OverlayAddress,
    /// The bytes.
    pub stream: OverlayStream,
}

/// The open ports of a node. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Listeners {
    ports: Arc<Mutex<BTreeMap<Port, mpsc::Sender<Incoming>>>>,
}

/// An app's hold on a port; dropping it closes the port.
pub struct Listener {
    port: Port,
    incoming: mpsc::Receiver<Incoming>,
    listeners: Listeners,
}

impl Listeners {
    /// Opens a port.
    ///
    /// # Errors
    /// [`Code::Conflict`] if it is open, [`Code::Limit`] if there are too many.
    pub(crate) fn listen(&self, port: Port) -> Result<Listener, Problem> {
        let what = || format!("cannot listen on port {port}");
        let mut ports = self.ports.lock();
        if ports.contains_key(&port) {
            return Err(Problem::new(Code::Conflict, what(), "another app listens there")
                .with_hint("choose another port, or stop that app: `byway status` lists them"));
        }
        if ports.len() >= LISTENERS {
            return Err(Problem::new(Code::Limit, what(), "the node has as many listeners as it may"));
        }
        let (sender, incoming) = mpsc::channel(ACCEPT_BACKLOG);
        ports.insert(port, sender);
        Ok(Listener { port, incoming, listeners: self.clone() })
    }

    /// Whether an app listens.
    pub(crate) fn has(&self, port: Port) -> bool {
        self.ports.lock().contains_key(&port)
    }

    /// The open ports, in order.
    pub(crate) fn ports(&self) -> Vec<Port> {
        self.ports.lock().keys().copied().collect()
    }

    /// Hands a stream to the app. False if none listens or its backlog is full: the stream is refused.
    pub(crate) fn deliver(&self, port: Port, incoming: Incoming) -> bool {
        let sender = self.ports.lock().get(&port).cloned();
        sender.is_some_and(|sender| sender.try_send(incoming).is_ok())
    }
}

impl Listener {
    /// The port.
    #[must_use]
    pub fn port(&self) -> Port {
        self.port
    }

    /// The next stream that a peer opened.
    ///
    /// # Cancel safety
    /// No stream is lost if the future is dropped.
    pub async fn accept(&mut self) -> Option<Incoming> {
        self.incoming.recv().await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listeners.ports.lock().remove(&self.port);
    }
}
