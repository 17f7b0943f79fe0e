//! Nodes, transports, setup nodes and sessions in one process, moved by a schedule of virtual time.

mod carry;
mod damage;
mod datagrams;
mod ids;
mod judge;
mod keep;
mod link;
mod node;
mod obey;
mod path;
mod registry;
mod session;
mod setup;
mod talk;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use byway_base::{
    Moment, Port, PublicKey, SecretKey, TransportId, TransportType, UnixTime, limits::HANDSHAKE_TIMEOUT,
};
use byway_routing::{Forwarder, ForwarderConfig, Outgoing, RouteKey};

use crate::{
    breach::Breach,
    checks::{Datagrams, Deliveries, Endings},
    dice::Dice,
    schedule::Schedule,
    summary::Summary,
    trace::Trace,
};

pub(crate) use damage::Damage;
pub(crate) use ids::{LinkIx, NodeIx, SessionIx, SetupIx};
pub(crate) use link::Shape;
pub(crate) use session::{Plan, Reader};
pub(crate) use setup::Climate;

use link::Link;
use node::Node;
use registry::Registry;
use session::Session;
use setup::SetupNode;

/// Events of one moment after which a run counts as stuck.
const EVENTS_MAX: u64 = 1_000_000;
/// How often the checkers look at everything.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// The wall clock at the beginning.
const CLOCK: UnixTime = UnixTime(1_700_000_000);

/// Something planned.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// A core of a node is due: 0 the forwarder, 1 the rule book.
    Timer { node: NodeIx, life: u64, core: usize },
    /// A lane has sent what it had.
    LaneFree { link: LinkIx, life: u64, side: usize },
    /// A segment that `side` sent arrives.
    Arrive { link: LinkIx, life: u64, side: usize },
    /// An end sees that the transport is gone.
    Notice { link: LinkIx, life: u64, side: usize },
    /// The transport is dialled again.
    Reopen { link: LinkIx },
    /// A crashed node comes back, empty.
    Restart { node: NodeIx },
    /// A slow reader takes its next packet.
    Read { node: NodeIx, life: u64, key: RouteKey },
    /// An end of a session is due.
    End { session: SessionIx, life: u64, side: usize },
    /// The keeper of a session looks after it.
    Tick { session: SessionIx, life: u64 },
    /// A reader changes its ways.
    Reader { session: SessionIx, side: usize, reader: Reader },
    /// An app reads a stream again.
    App { session: SessionIx, side: usize, stream: usize },
    /// A message of the control plane arrives.
    Control(setup::Message),
    /// A saga is due.
    SagaTimer { setup: SetupIx, life: u64, saga: u64 },
    /// A crashed setup node comes back, without its sagas.
    SetupRestart { setup: SetupIx },
    /// A fault.
    Damage(Damage),
    /// The checkers look.
    Check,
}

/// What a world promises beyond what its cores do, by the faults that happen in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Within this time, both ends of a route that broke in sight of a node are told.
    pub(crate) notice: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { notice: Duration::from_secs(2) }
    }
}

pub(crate) struct World {
    pub(crate) now: Moment,
    pub(crate) dice: Dice,
    pub(crate) trace: Trace,
    pub(crate) nodes: Vec<Node>,
    pub(crate) links: Vec<Link>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) setups: Vec<SetupNode>,
    pub(crate) registry: Registry,
    pub(crate) deliveries: Deliveries,
    pub(crate) datagrams: Datagrams,
    pub(crate) endings: Endings,
    pub(crate) climate: Climate,
    pub(crate) bounds: Bounds,
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// What every forwarder may use.
    config: ForwarderConfig,
    schedule: Schedule<Happening>,
    adjacent: Vec<Vec<LinkIx>>,
    by_port: BTreeMap<(PublicKey, Port), SessionIx>,
    by_key: BTreeMap<PublicKey, NodeIx>,
    dirty: VecDeque<NodeIx>,
    breach: Option<Breach>,
    batch: Vec<Outgoing>,
}

impl World {
    /// `nodes` nodes without transports, and two setup nodes that all of them trust.
    pub(crate) fn new(seed: u64, nodes: usize) -> Self {
        Self::with_config(seed, nodes, ForwarderConfig::default())
    }

    /// The same, with forwarders that are not as by default.
    pub(crate) fn with_config(seed: u64, nodes: usize, config: ForwarderConfig) -> Self {
        let mut dice = Dice::new(seed);
        let setups: Vec<_> =
            (0..2).map(|_| SetupNode::new(SecretKey::from_seed(dice.key()).public())).collect();
        let trusted: Vec<_> = setups.iter().map(|setup| setup.key).collect();
        let node = |_| Node::new(SecretKey::from_seed(dice.key()), Forwarder::new(config), &trusted);
        let nodes: Vec<_> = (0..nodes).map(node).collect();
        let mut world = Self {
            now: Moment::ZERO,
            config,
            dice,
            trace: Trace::default(),
            adjacent: vec![Vec::new(); nodes.len()],
            by_key: nodes.iter().enumerate().map(|(ix, node)| (node.key, NodeIx(ix))).collect(),
            nodes,
            links: Vec::new(),
            sessions: Vec::new(),
            setups,
            registry: Registry::new(),
            deliveries: Deliveries::default(),
            datagrams: Datagrams::default(),
            endings: Endings::default(),
            climate: Climate::default(),
            bounds: Bounds::default(),
            faults: BTreeMap::new(),
            schedule: Schedule::new(),
            by_port: BTreeMap::new(),
            dirty: VecDeque::new(),
            breach: None,
            batch: Vec::new(),
        };
        world.plan(CHECK_EVERY, Happening::Check);
        world
    }

    /// Nodes in a row, each linked to the next.
    pub(crate) fn chain(seed: u64, nodes: usize, shape: Shape) -> Self {
        let mut world = Self::new(seed, nodes);
        (1..nodes).for_each(|node| {
            world.link(NodeIx(node - 1), NodeIx(node), shape);
        });
        world
    }

    /// Nodes in a ring with `chords` more links between random pairs.
    pub(crate) fn ring(seed: u64, nodes: usize, chords: usize, shape: impl Fn(&mut Dice) -> Shape) -> Self {
        let mut world = Self::new(seed, nodes);
        for node in 0..nodes {
            let shape = shape(&mut world.dice);
            world.link(NodeIx(node), NodeIx((node + 1) % nodes), shape);
        }
        for _ in 0..chords {
            let (a, b) = (NodeIx(world.dice.below(nodes)), NodeIx(world.dice.below(nodes)));
            let linked = |l: &LinkIx| world.links[l.0].peer(a) == b;
            if a != b && !world.adjacent[a.0].iter().any(linked) {
                let shape = shape(&mut world.dice);
                world.link(a, b, shape);
            }
        }
        world
    }

    /// Joins two nodes by a transport, which is up at once.
    pub(crate) fn link(&mut self, a: NodeIx, b: NodeIx, shape: Shape) -> LinkIx {
        let tcp = TransportType::new("tcp").expect("a valid name");
        let id = TransportId::derive(&self.nodes[a.0].key, &self.nodes[b.0].key, &tcp);
        let link = LinkIx(self.links.len());
        self.links.push(Link::new(id, [a, b], shape));
        self.adjacent[a.0].push(link);
        self.adjacent[b.0].push(link);
        self.open(link);
        link
    }

    /// Runs for a time.
    ///
    /// # Errors
    /// The first breach that a checker saw.
    pub(crate) fn run(&mut self, span: Duration) -> Result<(), Breach> {
        self.run_until(self.now + span)
    }

    pub(crate) fn run_until(&mut self, until: Moment) -> Result<(), Breach> {
        self.settle();
        let mut events = self.trace.events();
        while self.breach.is_none()
            && let Some((at, happening)) = self.schedule.next(until)
        {
            if at > self.now {
                events = self.trace.events();
            }
            self.now = at;
            self.happen(happening);
            self.settle();
            let events = self.trace.events() - events;
            if events > EVENTS_MAX {
                self.fail(Breach::Livelock { events, at });
            }
        }
        self.now = self.now.max(until);
        self.breach.clone().map_or(Ok(()), Err)
    }

    /// Runs until `done`, at most for `span`. Says whether it came to that.
    ///
    /// # Errors
    /// The first breach that a checker saw.
    pub(crate) fn run_while(
        &mut self,
        span: Duration,
        goes_on: impl Fn(&Self) -> bool,
    ) -> Result<bool, Breach> {
        let (end, step) = (self.now + span, Duration::from_millis(100));
        while goes_on(self) && self.now < end {
            self.run_until(end.min(self.now + step))?;
        }
        Ok(!goes_on(self))
    }

    pub(crate) fn plan(&mut self, after: Duration, what: Happening) {
        self.schedule.plan(self.now + after, what);
    }

    pub(crate) fn plan_at(&mut self, at: Moment, what: Happening) {
        self.schedule.plan(at.max(self.now), what);
    }

    /// The wall clock of every node.
    fn clock(&self) -> UnixTime {
        CLOCK.plus(self.now.since_origin())
    }

    fn fail(&mut self, breach: Breach) {
        self.breach.get_or_insert(breach);
    }

    fn touch(&mut self, node: NodeIx) {
        self.dirty.push_back(node);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Timer { node, life, core } => self.timer(node, life, core),
            Happening::LaneFree { link, life, side } => self.lane_free(link, life, side),
            Happening::Arrive { link, life, side } => self.arrive(link, life, side),
            Happening::Notice { link, life, side } => self.notice(link, life, side),
            Happening::Reopen { link } => self.reopen(link),
            Happening::Restart { node } => self.restart(node),
            Happening::Read { node, life, key } => self.slow_read(node, life, key),
            Happening::End { session, life, side } => self.end_timer(session, life, side),
            Happening::Tick { session, life } => self.tick(session, life),
            Happening::Reader { session, side, reader } => self.set_reader(session, side, reader),
            Happening::App { session, side, stream } => self.set_app(session, side, stream, true),
            Happening::Control(message) => self.control(message),
            Happening::SagaTimer { setup, life, saga } => self.saga_timer(setup, life, saga),
            Happening::SetupRestart { setup } => self.setup_restart(setup),
            Happening::Damage(damage) => self.damage(damage),
            Happening::Check => {
                self.check();
                self.plan(CHECK_EVERY, Happening::Check);
            }
        }
    }

    /// Handles what the forwarders signalled, until none has anything to say.
    fn settle(&mut self) {
        while let Some(node) = self.dirty.pop_front() {
            while let Some(wake) = self.nodes[node.0].forwarder.pop_wake() {
                self.woken(node, wake);
            }
            while let Some(event) = self.nodes[node.0].forwarder.pop_event() {
                self.signalled(node, event);
            }
            self.arm(node);
            // After every call, not now and then: the budget is a promise about every moment.
            let (bytes, budget) = (self.nodes[node.0].forwarder.queued(), self.config.memory);
            if bytes > budget {
                self.fail(Breach::Memory { node: node.0, bytes, budget });
            }
        }
    }

    /// Plans the next look at a node's cores.
    fn arm(&mut self, node: NodeIx) {
        let now = self.now;
        let Node { forwarder, book, alive, life, timers, .. } = &mut self.nodes[node.0];
        if !*alive {
            return;
        }
        let (life, due) = (*life, [Some(forwarder.poll_timeout()), book.poll_timeout()]);
        for core in [0, 1] {
            let Some(due) = due[core] else { continue };
            if timers[core].is_none_or(|planned| due < planned) {
                timers[core] = Some(due);
                self.schedule.plan(due.max(now), Happening::Timer { node, life, core });
            }
        }
    }

    fn timer(&mut self, node: NodeIx, life: u64, core: usize) {
        if self.nodes[node.0].life != life || !self.nodes[node.0].alive {
            return;
        }
        self.nodes[node.0].timers[core] = None;
        self.trace.note(self.now, "timer", &[node.into(), core as u64], &[]);
        if core == 0 {
            self.nodes[node.0].forwarder.handle_timeout(self.now);
        } else {
            self.book_timer(node);
        }
        self.touch(node);
    }

    /// Plans a fault.
    pub(crate) fn plan_damage(&mut self, at: Moment, damage: Damage) {
        self.plan_at(at, Happening::Damage(damage));
    }

    /// Makes a transport another one, for what is sent from now on.
    pub(crate) fn reshape(&mut self, link: LinkIx, shape: Shape) {
        self.links[link.0].shape = shape;
    }

    /// How long a refused or broken transport is not dialled again, at random.
    fn redial(&mut self) -> Duration {
        self.dice.between(Duration::from_millis(20), HANDSHAKE_TIMEOUT / 5)
    }

    pub(crate) fn summary(&self) -> Summary {
        let (packets, bytes) = self.deliveries.totals();
        Summary {
            nodes: self.nodes.len(),
            links: self.links.len(),
            routes: self.registry.values().filter(|record| record.whole).count(),
            events: self.trace.events(),
            virtual_time: self.now.since_origin(),
            packets,
            bytes,
            datagrams: self.datagrams.count(),
            told: self.endings.count(),
            faults: self.faults.clone(),
            measures: Vec::new(),
            hash: self.trace.digest(),
        }
    }
}
