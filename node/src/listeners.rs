//! Which ports have an app, and what waits for it.

use std::{collections::BTreeMap, sync::Arc};

use byway_base::{
    Code, OverlayAddress, Port, Problem,
    limits::{ACCEPT_BACKLOG, LISTENERS},
};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::{datagrams::Datagrams, stream::OverlayStream};

/// A stream that a peer opened to a port of this node.
#[derive(Debug)]
pub struct Incoming {
    /// The other end.
    pub from: OverlayAddress,
    /// The bytes.
    pub stream: OverlayStream,
}

/// A channel for datagrams that a peer opened to a port of this node.
#[derive(Debug)]
pub struct IncomingDatagrams {
    /// The other end.
    pub from: OverlayAddress,
    /// The datagrams.
    pub datagrams: Datagrams,
}

/// The open ports of a node. A port is open for streams, for datagrams, or for both. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Listeners {
    pub(crate) streams: Ports<Incoming>,
    pub(crate) datagrams: Ports<IncomingDatagrams>,
}

/// The ports that are open for one kind of thing. Cheap to clone.
pub(crate) struct Ports<T> {
    apps: Arc<Mutex<BTreeMap<Port, mpsc::Sender<T>>>>,
}

/// An app's hold on a port; dropping it closes the port.
pub struct Listener<T = Incoming> {
    port: Port,
    incoming: mpsc::Receiver<T>,
    ports: Ports<T>,
}

impl Listeners {
    /// Whether an app listens, for whatever it is: routes may lead there.
    pub(crate) fn has(&self, port: Port) -> bool {
        self.streams.has(port) || self.datagrams.has(port)
    }
}

impl<T> Ports<T> {
    /// Opens a port.
    ///
    /// # Errors
    /// [`Code::Conflict`] if it is open, [`Code::Limit`] if there are too many.
    pub(crate) fn listen(&self, port: Port) -> Result<Listener<T>, Problem> {
        let what = || format!("cannot listen on port {port}");
        let mut apps = self.apps.lock();
        if apps.contains_key(&port) {
            return Err(Problem::new(Code::Conflict, what(), "another app listens there")
                .with_hint("choose another port, or stop that app: `byway status` lists them"));
        }
        if apps.len() >= LISTENERS {
            return Err(Problem::new(Code::Limit, what(), "the node has as many listeners as it may"));
        }
        let (sender, incoming) = mpsc::channel(ACCEPT_BACKLOG);
        apps.insert(port, sender);
        Ok(Listener { port, incoming, ports: self.clone() })
    }

    /// Whether an app listens.
    pub(crate) fn has(&self, port: Port) -> bool {
        self.apps.lock().contains_key(&port)
    }

    /// The open ports, in order.
    pub(crate) fn ports(&self) -> Vec<Port> {
        self.apps.lock().keys().copied().collect()
    }

    /// A place in the app's backlog. None if no app listens or its backlog is full: what was to go there is refused.
    pub(crate) fn place(&self, port: Port) -> Option<mpsc::OwnedPermit<T>> {
        let app = self.apps.lock().get(&port).cloned();
        app?.try_reserve_owned().ok()
    }

    /// Hands something to the app. False if none listens or its backlog is full: it is refused.
    pub(crate) fn deliver(&self, port: Port, incoming: T) -> bool {
        self.place(port).map(|place| place.send(incoming)).is_some()
    }
}

impl<T> Clone for Ports<T> {
    fn clone(&self) -> Self {
        Self { apps: self.apps.clone() }
    }
}

impl<T> Default for Ports<T> {
    fn default() -> Self {
        Self { apps: Arc::default() }
    }
}

impl<T> Listener<T> {
    /// The port.
    #[must_use]
    pub fn port(&self) -> Port {
        self.port
    }

    /// The next that a peer opened; `None` once the node has stopped.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub async fn accept(&mut self) -> Option<T> {
        self.incoming.recv().await
    }
}

impl<T> Drop for Listener<T> {
    fn drop(&mut self) {
        self.ports.apps.lock().remove(&self.port);
    }
}
