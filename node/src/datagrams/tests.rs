//! Channels between two ends over forwarders in one process: real QUIC, real route groups, transports of memory.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use byway_base::{
    Code, DatagramError, OverlayAddress, Port, Problem, RouteId, RoutingId, SecretKey,
    limits::{CHANNEL_BUFFER, DATAGRAM_QUEUE, SESSION_CHANNELS},
};
use byway_net::Identity;
use byway_routing::{Event, ForwarderConfig, GroupRole, RouteKey, RouteSide, RouteSpec, TransportSlot};
use byway_wire::{Kind, Packet};
use tokio::{
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{ChannelDialler, Datagrams, serve};
use crate::{
    dataplane::{Dataplane, TransportWaker, Wakes},
    group::Group,
    listeners::{IncomingDatagrams, Listener, Listeners},
    session::SessionHold,
};

/// More than anything here takes, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// When a datagram that may be lost is sent again.
const AGAIN: Duration = Duration::from_millis(20);
/// The port of the app at the far end.
const PORT: Port = Port(53);

/// One end of a link.
#[derive(Clone)]
struct Side {
    plane: Arc<Dataplane>,
    slot: TransportSlot,
    waker: Arc<TransportWaker>,
}

/// A source, a destination, and what lies between them.
struct World {
    planes: Vec<Arc<Dataplane>>,
    /// Of the first route, then of the others.
    links: Vec<[Side; 2]>,
    /// While set, the links that carry nothing.
    stalled: Vec<Arc<AtomicBool>>,
    /// Bytes of the largest datagram packet that links carry.
    carried: Arc<AtomicUsize>,
    source: Arc<Group>,
    destination: Arc<Group>,
    listeners: Listeners,
    dialler: ChannelDialler,
    tasks: JoinSet<()>,
    serving: AbortHandle,
    /// As both ends know them.
    routes: Vec<[RouteKey; 2]>,
}

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

fn alice() -> OverlayAddress {
    OverlayAddress { key: secret(1).public(), port: Port(50_000) }
}

fn bob() -> OverlayAddress {
    OverlayAddress { key: secret(2).public(), port: PORT }
}

impl World {
    /// A route of so many hops between alice and bob.
    fn new(hops: usize) -> Self {
        let mut tasks = JoinSet::new();
        let (planes, happened): (Vec<_>, Vec<_>) =
            (0..=hops).map(|_| Dataplane::new(ForwarderConfig::default())).unzip();
        let group = |plane: &Arc<Dataplane>, role| Group::new(plane.clone(), role, 1);
        let source = group(&planes[0], GroupRole::Source);
        let destination = group(&planes[hops], GroupRole::Destination);
        for (node, mut happened) in happened.into_iter().enumerate() {
            let ends = [(0, &source), (hops, &destination)];
            let group = ends.into_iter().find(|(end, _)| *end == node).map(|(_, group)| group.clone());
            tasks.spawn(async move {
                while let Some(event) = happened.recv().await {
                    if let (Event::RouteEnded { key, reason, distance, .. }, Some(group)) = (event, &group) {
                        group.route_ended(key, reason, distance);
                    }
                }
            });
        }
        let listeners = Listeners::default();
        let (at, to) = (listeners.clone(), destination.clone());
        let serving = tasks.spawn(async move {
            serve(&Identity::new(secret(2)), alice(), PORT, to, &at).await;
        });
        let mut world = Self {
            planes,
            links: Vec::new(),
            stalled: Vec::new(),
            carried: Arc::new(usize::MAX.into()),
            source,
            destination,
            listeners,
            dialler: ChannelDialler::default(),
            tasks,
            serving,
            routes: Vec::new(),
        };
        world.install();
        world
    }

    /// Installs a route over links of its own.
    fn install(&mut self) {
        let route = RouteId::from_bytes([self.routes.len() as u8; 16]);
        let hops = self.planes.len() - 1;
        let (mut previous, mut keys) = (None, Vec::new());
        for node in 0..hops {
            let sides = [node, node + 1].map(|node| {
                let (plane, waker) = (self.planes[node].clone(), TransportWaker::new());
                Side { slot: plane.add_transport(waker.clone()), plane, waker }
            });
            let stalled = Arc::new(AtomicBool::new(false));
            for [from, to] in [[0, 1], [1, 0]].map(|way| way.map(|side| sides[side].clone())) {
                self.tasks.spawn(pump(from, to, stalled.clone(), self.carried.clone()));
            }
            let next = Some(side(&sides[0], 2, 1));
            let wakers = (node == 0).then(|| self.source.wakers());
            keys.push(self.planes[node].install(RouteSpec { route, previous, next }, wakers).unwrap());
            previous = Some(side(&sides[1], 1, 2));
            self.links.push(sides);
            self.stalled.push(stalled);
        }
        let wakers = Some(self.destination.wakers());
        let last = self.planes[hops].install(RouteSpec { route, previous, next: None }, wakers).unwrap();
        self.source.add(route, keys[0], hops);
        self.destination.add(route, last, hops);
        self.routes.push([keys[0], last]);
    }

    fn listen(&self) -> Listener<IncomingDatagrams> {
        self.listeners.datagrams.listen(PORT).unwrap()
    }

    async fn dial_as(&self, who: u8) -> Result<Datagrams, Problem> {
        let hold = SessionHold::new(&Arc::default());
        self.dialler.open(&Identity::new(secret(who)), bob(), &self.source, hold).await
    }

    /// A channel, both ends of it.
    async fn channel(&self, listener: &mut Listener<IncomingDatagrams>) -> (Datagrams, Datagrams) {
        let dialled = self.dial_as(1).await.unwrap();
        let accepted = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        assert_eq!(accepted.from, alice());
        (dialled, accepted.datagrams)
    }
}

/// Labels are drawn by the node that receives, so that two links may use the same.
fn side(side: &Side, label_in: u32, label_out: u32) -> RouteSide {
    RouteSide { transport: side.slot, label_in: RoutingId(label_in), label_out: RoutingId(label_out) }
}

/// Carries packets one way, as bytes.
async fn pump(from: Side, to: Side, stalled: Arc<AtomicBool>, carried: Arc<AtomicUsize>) {
    let (mut out, mut taken, mut given) = (Vec::new(), Wakes::default(), Wakes::default());
    loop {
        poll_fn(|cx| {
            from.waker.register(cx.waker());
            if !stalled.load(Ordering::Acquire) {
                from.plane.poll_transmit(from.slot, 64 * 1024, &mut out, &mut taken);
            }
            if out.is_empty() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        let mut bytes = BytesMut::new();
        for packet in out.drain(..) {
            bytes.extend_from_slice(packet.head());
            bytes.extend_from_slice(packet.payload());
        }
        let mut packets = Vec::new();
        while let Some(packet) = Packet::take(&mut bytes).unwrap() {
            if packet.kind != Kind::Datagram || packet.payload.len() <= carried.load(Ordering::Acquire) {
                packets.push(packet);
            }
        }
        to.plane.handle_packets(to.slot, &mut packets, &mut given);
        tokio::task::yield_now().await;
    }
}

/// Sends until this very datagram has come back: it may be lost, and earlier ones be late.
async fn assert_echoes(here: &Datagrams, there: &Datagrams, text: &'static [u8]) {
    let exchange = async {
        loop {
            here.send(Bytes::from_static(text)).unwrap();
            tokio::select! {
                Some(datagram) = there.recv() => {
                    if datagram == text {
                        there.send(datagram).unwrap();
                    }
                }
                Some(datagram) = here.recv() => {
                    if datagram == text {
                        return;
                    }
                }
                () = sleep(AGAIN) => {}
                else => panic!("the channel is closed"),
            }
        }
    };
    timeout(PATIENCE, exchange).await.unwrap();
}

/// Waits until a path of memory is known to carry jumbo packets.
async fn with_full_size(here: &Datagrams, there: &Datagrams) {
    let grown = async {
        while here.max_size() < 15_000 {
            here.send(Bytes::from_static(b"on")).unwrap();
            there.recv().await.unwrap();
        }
    };
    timeout(PATIENCE, grown).await.unwrap();
}

#[tokio::test]
async fn datagrams_cross_three_hops_both_ways_and_before_the_first_channel_there_is_no_endpoint() {
    let world = World::new(3);
    let mut listener = world.listen();
    tokio::task::yield_now().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!((tasks(), world.dialler.is_begun()), (world.tasks.len(), false));
    let (here, there) = world.channel(&mut listener).await;
    assert!(tasks() > world.tasks.len() && world.dialler.is_begun());
    assert_echoes(&here, &there, b"question").await;
    assert_echoes(&there, &here, b"answer").await;
    assert_echoes(&here, &there, b"").await;
}

#[tokio::test]
async fn waiting_for_a_first_channel_takes_less_than_a_kibibyte() {
    let world = World::new(1);
    let identity = Identity::new(secret(2));
    let waiting = serve(&identity, alice(), PORT, world.destination.clone(), &world.listeners);
    assert!(size_of_val(&waiting) < 1_024, "{}", size_of_val(&waiting));
}

#[tokio::test]
async fn a_session_whose_reader_is_dead_delays_no_channel() {
    let world = World::new(2);
    let mut listener = world.listen();
    let (here, there) = world.channel(&mut listener).await;
    // Nobody reads the session's packets: they fill every hop until the source may send no more.
    let mut full = 0;
    while full < 1_000 {
        let sent =
            world.planes[0].send(world.routes[0][0], Bytes::from_static(&[0; 16_000]), &mut Wakes::default());
        full = if sent.is_err() { full + 1 } else { 0 };
        tokio::task::yield_now().await;
    }
    assert_echoes(&here, &there, b"still here").await;
}

#[tokio::test]
async fn a_flood_that_nobody_reads_delays_no_session_and_holds_no_more_than_its_buffers() {
    let world = World::new(2);
    let mut listener = world.listen();
    let (here, there) = world.channel(&mut listener).await;
    let [from, to] = world.routes[0];
    with_full_size(&here, &there).await;
    let flood = Bytes::from(vec![7; here.max_size()]);
    let (mut sent, mut arrived, mut worst) = (0, Vec::new(), 0);
    let flooding = async {
        // The session's data goes on arriving, however long the flood lasts.
        while sent < 256 * CHANNEL_BUFFER || arrived.len() <= 64 {
            // Twice what waits at most.
            for _ in 0..2 * CHANNEL_BUFFER / flood.len() {
                here.send(flood.slice(..flood.len().min(here.max_size()))).unwrap();
                sent += flood.len();
            }
            let _full = world.planes[0].send(from, Bytes::from_static(b"data"), &mut Wakes::default());
            world.planes[2].receive(to, 32, &mut arrived, &mut Wakes::default());
            worst = world.planes.iter().map(|plane| plane.queued()).max().unwrap().max(worst);
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, flooding).await.unwrap();
    assert!(worst <= 2 * DATAGRAM_QUEUE, "{worst}");
    assert!(here.replaced() > 0);
    drop(here);
    timeout(PATIENCE, there.closed()).await.unwrap();
    let mut unread = 0;
    while let Some(datagram) = there.recv().await {
        unread += datagram.len();
    }
    assert!((1..=CHANNEL_BUFFER).contains(&unread), "{unread}");
}

#[tokio::test]
async fn a_hop_that_stands_still_holds_no_more_than_a_queue_of_datagrams_and_the_sender_never_waits() {
    let world = World::new(2);
    let mut listener = world.listen();
    let (here, there) = world.channel(&mut listener).await;
    with_full_size(&here, &there).await;
    world.stalled[1].store(true, Ordering::Release);
    let datagram = Bytes::from(vec![7; 1_000]);
    for _ in 0..4 * DATAGRAM_QUEUE / datagram.len() {
        here.send(datagram.clone()).unwrap();
        tokio::task::yield_now().await;
    }
    let held = world.planes[1].queued();
    assert!((1..=DATAGRAM_QUEUE).contains(&held), "{held}");
    assert!(here.replaced() > 0);
}

#[tokio::test]
async fn what_is_too_large_is_refused_with_the_maximum_and_what_is_as_large_arrives_whole() {
    let world = World::new(2);
    let mut listener = world.listen();
    let (here, there) = world.channel(&mut listener).await;
    assert!(here.max_size() >= 1_100, "{}", here.max_size());
    with_full_size(&here, &there).await;
    let max = here.max_size();
    assert_eq!(here.send(vec![0; max + 1].into()), Err(DatagramError::TooLarge { max }));
    let largest = Bytes::from((0..max).map(|n| n.to_le_bytes()[0]).collect::<Vec<_>>());
    here.send(largest.clone()).unwrap();
    let arrives = async {
        loop {
            // What was sent while the size was found out comes first.
            let datagram = there.recv().await.unwrap();
            if datagram.len() > 2 {
                return datagram;
            }
        }
    };
    assert_eq!(timeout(PATIENCE, arrives).await.unwrap(), largest);
}

#[tokio::test]
async fn a_channel_shrinks_with_its_path_and_says_so() {
    let world = World::new(2);
    let mut listener = world.listen();
    let (here, there) = world.channel(&mut listener).await;
    with_full_size(&here, &there).await;
    world.carried.store(1_400, Ordering::Release);
    let large = Bytes::from(vec![7; 10_000]);
    let shrunk = async {
        while here.send(large.clone()).is_ok() {
            assert_echoes(&here, &there, b"small").await;
        }
    };
    timeout(PATIENCE, shrunk).await.unwrap();
    let max = here.max_size();
    assert!((1_100..1_400).contains(&max), "{max}");
    assert_eq!(here.send(large), Err(DatagramError::TooLarge { max }));
    assert_echoes(&here, &there, b"still").await;
}

#[tokio::test]
async fn a_stranger_on_anothers_routes_is_refused_and_the_source_is_not() {
    let world = World::new(1);
    let mut listener = world.listen();
    // A handshake of TLS 1.3 is over for the dialler before the other end has judged it.
    if let Ok(stranger) = world.dial_as(3).await {
        timeout(PATIENCE, stranger.closed()).await.unwrap();
        assert_eq!(stranger.send(Bytes::from_static(b"stranger")), Err(DatagramError::Closed));
    }
    let (here, there) = world.channel(&mut listener).await;
    assert_echoes(&here, &there, b"source").await;
}

#[tokio::test]
async fn a_port_without_an_app_refuses_at_once_and_takes_channels_once_it_has_one() {
    let world = World::new(1);
    assert_eq!(world.dial_as(1).await.unwrap_err().code, Code::NoListener);
    let mut listener = world.listen();
    let (here, there) = world.channel(&mut listener).await;
    assert_echoes(&here, &there, b"now").await;
    drop(there);
    assert_eq!(timeout(PATIENCE, here.recv()).await.unwrap(), None);
}

#[tokio::test]
async fn a_session_has_no_more_channels_than_it_may_and_a_closed_one_makes_room() {
    let world = World::new(1);
    let _listener = world.listen();
    let mut channels = Vec::new();
    for _ in 0..SESSION_CHANNELS {
        channels.push(world.dial_as(1).await.unwrap());
    }
    assert_eq!(world.dial_as(1).await.unwrap_err().code, Code::Limit);
    channels.pop();
    let again = async {
        // Its goodbye is on the way.
        while world.dial_as(1).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn a_channel_goes_on_over_the_spare_when_its_route_ends() {
    let mut world = World::new(2);
    let mut listener = world.listen();
    let (here, there) = world.channel(&mut listener).await;
    world.install();
    assert_echoes(&here, &there, b"before").await;
    let before = world.source.active();
    for side in &world.links[1] {
        side.plane.remove_transport(side.slot);
    }
    assert_echoes(&here, &there, b"after").await;
    assert_ne!(world.source.active(), before);
    assert_eq!(world.source.len(), 1);
}

#[tokio::test]
async fn the_end_of_the_session_at_either_end_closes_its_channels() {
    let world = World::new(1);
    let mut listener = world.listen();
    let (here, there) = world.channel(&mut listener).await;
    world.dialler.close().await;
    timeout(PATIENCE, async { tokio::join!(here.closed(), there.closed()) }).await.unwrap();
    let (here, _there) = world.channel(&mut listener).await;
    world.serving.abort();
    assert_eq!(timeout(PATIENCE, here.recv()).await.unwrap(), None);
}
