//! The route groups of a node, found by port, by peer and by route.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use byway_base::{OverlayAddress, Port, RouteId, limits::ROUTE_GROUPS};
use byway_routing::{GroupRole, RouteKey};
use byway_wire::Reason;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::{dataplane::Dataplane, group::Group};

/// First of the ports that sources use.
const EPHEMERAL: u16 = 49_152;

/// A group that a source elsewhere began; someone must accept its session.
pub(crate) struct NewInbound {
    /// The source's end.
    pub(crate) from: OverlayAddress,
    /// The port here.
    pub(crate) port: Port,
    /// Its routes.
    pub(crate) group: Arc<Group>,
}

/// All groups. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Groups {
    inner: Arc<Inner>,
}

struct Inner {
    dataplane: Arc<Dataplane>,
    tables: Mutex<Tables>,
    inbound: mpsc::Sender<NewInbound>,
}

#[derive(Default)]
struct Tables {
    /// Ephemeral ports of groups that were begun here.
    outbound: BTreeSet<Port>,
    /// Begun elsewhere, by the source's end and the port here.
    inbound: BTreeMap<(OverlayAddress, Port), Arc<Group>>,
    /// By their routes.
    by_route: BTreeMap<RouteKey, Arc<Group>>,
}

impl Groups {
    /// No groups. Those that sources elsewhere begin come out of the receiver.
    pub(crate) fn new(dataplane: Arc<Dataplane>) -> (Self, mpsc::Receiver<NewInbound>) {
        let (inbound, receiver) = mpsc::channel(256);
        (Self { inner: Arc::new(Inner { dataplane, tables: Mutex::default(), inbound }) }, receiver)
    }

    /// Begins a group whose session goes over up to `stripes` routes at once, under a port that no other group of this node
    /// has. None if there are too many.
    pub(crate) fn begin(&self, stripes: usize) -> Option<(Port, Arc<Group>)> {
        let mut tables = self.inner.tables.lock();
        if tables.outbound.len() >= ROUTE_GROUPS / 2 {
            return None;
        }
        let span = u16::MAX - EPHEMERAL;
        let port = loop {
            let port = Port(EPHEMERAL + rand::random::<u16>() % span);
            if !tables.outbound.contains(&port) {
                break port;
            }
        };
        let group = Group::new(self.inner.dataplane.clone(), GroupRole::Source, stripes);
        tables.outbound.insert(port);
        Some((port, group))
    }

    /// The group that a source elsewhere began; a new one is handed to whoever accepts sessions.
    pub(crate) fn inbound(&self, from: OverlayAddress, port: Port) -> Result<Arc<Group>, String> {
        let mut tables = self.inner.tables.lock();
        if let Some(group) = tables.inbound.get(&(from, port)) {
            return Ok(group.clone());
        }
        if tables.inbound.len() >= ROUTE_GROUPS / 2 {
            return Err("the node has as many route groups as it may".to_owned());
        }
        let group = Group::new(self.inner.dataplane.clone(), GroupRole::Destination, 1);
        let new = NewInbound { from, port, group: group.clone() };
        self.inner.inbound.try_send(new).map_err(|_| "the node accepts no more sessions at the moment")?;
        tables.inbound.insert((from, port), group.clone());
        Ok(group)
    }

    /// Forgets a group that was begun here.
    pub(crate) fn end_outbound(&self, port: Port) {
        self.inner.tables.lock().outbound.remove(&port);
    }

    /// Forgets a group that was begun elsewhere.
    pub(crate) fn end_inbound(&self, from: OverlayAddress, port: Port) {
        self.inner.tables.lock().inbound.remove(&(from, port));
    }

    /// Adds an installed route of `hops` hops to a group. A destination, which compares no routes, says 0.
    pub(crate) fn attach(&self, group: &Arc<Group>, route: RouteId, key: RouteKey, hops: usize) {
        self.inner.tables.lock().by_route.insert(key, group.clone());
        group.add(route, key, hops);
    }

    /// Tells the group of a route that a node `distance` hops from here ended it.
    pub(crate) fn route_ended(&self, key: RouteKey, reason: Reason, distance: u8) {
        let group = self.inner.tables.lock().by_route.remove(&key);
        if let Some(group) = group {
            group.route_ended(key, reason, distance);
        }
    }

    /// Tells the group of a route that a probe was answered.
    pub(crate) fn probe_answered(&self, key: RouteKey, token: u64) {
        let group = self.inner.tables.lock().by_route.get(&key).cloned();
        if let Some(group) = group {
            group.probe_answered(key, token);
        }
    }
}
