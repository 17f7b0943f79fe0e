//! Two nodes' data halves and the links between them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use byway_base::{OverlayAddress, Port, PublicKey, RouteId, RoutingId, SecretKey};
use byway_net::Identity;
use byway_routing::{
    Event, ForwarderConfig, GroupEvent, Outgoing, RouteSide, RouteSpec, RouteView, TransportSlot,
};
use byway_wire::Packet;
use parking_lot::Mutex;
use tokio::{sync::mpsc, task::JoinSet, time::sleep};

use crate::{
    dataplane::{Dataplane, TransportWaker, Wakes},
    group::Group,
    groups::Groups,
    inbound,
    listeners::{Incoming, Listener, Listeners},
    session::Session,
};

pub(super) const APP: Port = Port(80);
/// How often each link carries its [`BUDGET`].
const TICK: Duration = Duration::from_millis(1);
/// Bytes that a link carries at once in each direction: some 32 MB/s.
const BUDGET: usize = 32 * 1024;

pub(super) struct End {
    identity: Identity,
    pub(super) key: PublicKey,
    pub(super) dataplane: Arc<Dataplane>,
    pub(super) groups: Groups,
    pub(super) listeners: Listeners,
}

/// Two nodes; dropping it stops them.
pub(super) struct Pair {
    pub(super) source: Arc<End>,
    pub(super) destination: Arc<End>,
    links: Arc<Mutex<Vec<[TransportSlot; 2]>>>,
    next: Mutex<u32>,
    _tasks: JoinSet<()>,
}

impl Pair {
    /// With so many links, all of the same speed.
    pub(super) fn new(links: usize) -> Self {
        let mut tasks = JoinSet::new();
        let [source, destination] = [1, 2].map(|seed| end(seed, &mut tasks));
        let slots = (0..links)
            .map(|_| [&source, &destination].map(|end| end.dataplane.add_transport(TransportWaker::new())));
        let links: Arc<Mutex<Vec<_>>> = Arc::new(Mutex::new(slots.collect()));
        tasks.spawn(carry([source.clone(), destination.clone()], links.clone()));
        Self { source, destination, links, next: Mutex::new(1), _tasks: tasks }
    }

    /// Opens [`APP`] at the destination.
    pub(super) fn listen(&self) -> Listener<Incoming> {
        self.destination.listeners.streams.listen(APP).unwrap()
    }

    /// A session over these links.
    pub(super) async fn session(&self, links: &[usize]) -> Session {
        let (port, group) = self.source.groups.begin(links.len()).unwrap();
        for link in links {
            self.route(*link, port, &group);
        }
        let to = OverlayAddress { key: self.destination.key, port: APP };
        Session::connect(&self.source.identity, to, port, group).await.unwrap()
    }

    /// Installs a route over a link and adds it to the groups of both ends.
    pub(super) fn route(&self, link: usize, port: Port, group: &Arc<Group>) {
        let number = {
            let mut next = self.next.lock();
            *next += 1;
            *next
        };
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let route = RouteId::from_bytes(id);
        let [near, far] = self.links.lock()[link];
        let label = RoutingId(number);
        let side = |transport| Some(RouteSide { transport, label_in: label, label_out: label });
        let from = OverlayAddress { key: self.source.key, port };
        let there = self.destination.groups.inbound(from, APP).unwrap();
        let spec = RouteSpec { route, previous: side(far), next: None };
        let key = self.destination.dataplane.install(spec, Some(there.wakers())).unwrap();
        self.destination.groups.attach(&there, route, key, 0);
        let spec = RouteSpec { route, previous: None, next: side(near) };
        let key = self.source.dataplane.install(spec, Some(group.wakers())).unwrap();
        self.source.groups.attach(group, route, key, 1);
    }

    /// A link is lost; both ends notice.
    pub(super) fn cut(&self, link: usize) {
        let [near, far] = self.links.lock()[link];
        self.source.dataplane.remove_transport(near);
        self.destination.dataplane.remove_transport(far);
    }

    /// The routes at the source, in the order in which they were installed.
    pub(super) fn routes(&self) -> Vec<RouteView> {
        self.source.dataplane.routes()
    }
}

fn end(seed: u8, tasks: &mut JoinSet<()>) -> Arc<End> {
    let secret = SecretKey::from_seed([seed; 32]);
    let (dataplane, happened) = Dataplane::new(ForwarderConfig::default());
    let (groups, inbound) = Groups::new(dataplane.clone());
    let (identity, key, listeners) = (Identity::new(secret.clone()), secret.public(), Listeners::default());
    tasks.spawn(inbound::accept_sessions(identity.clone(), inbound, groups.clone(), listeners.clone()));
    tasks.spawn(tell(happened, dataplane.clone(), groups.clone()));
    Arc::new(End { identity, key, dataplane, groups, listeners })
}

async fn tell(mut happened: mpsc::UnboundedReceiver<Event>, dataplane: Arc<Dataplane>, groups: Groups) {
    while let Some(event) = happened.recv().await {
        match event {
            Event::RouteEnded { key, local: true, reason, distance, .. } => {
                dataplane.forget_route(key);
                groups.route_ended(key, reason, distance);
            }
            Event::ProbeAnswered { key, token } => groups.probe_answered(key, token),
            _ => {}
        }
    }
}

async fn carry(ends: [Arc<End>; 2], links: Arc<Mutex<Vec<[TransportSlot; 2]>>>) {
    let (mut wakes, mut batch) = (Wakes::default(), Vec::new());
    let mut last = Instant::now();
    loop {
        let links = links.lock().clone();
        // However late this task is, the links carry as much as each other, a little by turns.
        let ticks = (last.elapsed().as_micros() / TICK.as_micros()).clamp(1, 20) as usize;
        last = Instant::now();
        for slots in std::iter::repeat_n(&links, ticks).flatten() {
            for (from, to) in [(0, 1), (1, 0)] {
                ends[from].dataplane.poll_transmit(slots[from], BUDGET, &mut batch, &mut wakes);
                let mut packets = through_the_codec(&batch);
                batch.clear();
                ends[to].dataplane.handle_packets(slots[to], &mut packets, &mut wakes);
            }
        }
        ends.iter().for_each(|end| {
            end.dataplane.handle_timeout();
        });
        sleep(TICK).await;
    }
}

fn through_the_codec(batch: &[Outgoing]) -> Vec<Packet> {
    let mut bytes = BytesMut::new();
    for packet in batch {
        bytes.extend_from_slice(packet.head());
        bytes.extend_from_slice(packet.payload());
    }
    std::iter::from_fn(|| Packet::take(&mut bytes).unwrap()).collect()
}

/// The events of a group since the last call.
pub(super) fn events(group: &Group) -> Vec<GroupEvent> {
    std::iter::from_fn(|| group.pop_event()).collect()
}
