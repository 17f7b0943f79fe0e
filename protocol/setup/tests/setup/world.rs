//! A row of nodes with rule books and forwarding tables, a clock, and a setup node that may lose or be denied anything.

use std::{collections::BTreeMap, time::Duration};

use byway_base::{
    Code, Moment, OverlayAddress, Port, PublicKey, RouteId, RoutingId, SecretKey, TransportId, TransportType,
    UnixTime, limits::ROUTE_REQUEST_TTL,
};
use byway_setup::{
    Action, Asked, CallFailure, CallId, Effect, Initiators, InstalledRoute, Outcome, Quotas, RuleBook, Saga,
    Surroundings,
};
use byway_wire::{
    Hop, RouteRequest, SignedRouteRequest,
    route_request::path_digest,
    setup::{Failure, InitiatorTag, NodeMessage, Reply, Role, Side},
};

pub(crate) const PORT: Port = Port(80);

pub(crate) fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

pub(crate) fn initiators() -> Initiators {
    Initiators::new([200; 32])
}

pub(crate) fn setup_key() -> PublicKey {
    secret(200).public()
}

/// A sequence of numbers that are all different.
fn next(number: &mut u32) -> u32 {
    *number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *number
}

/// What a node has besides its rule book.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    /// With their other edges.
    pub(crate) transports: Vec<(TransportId, PublicKey)>,
    pub(crate) listeners: Vec<Port>,
    pub(crate) used: Vec<RouteId>,
    pub(crate) labels: u32,
}

impl Surroundings for Body {
    fn peer(&self, transport: TransportId) -> Option<PublicKey> {
        self.transports.iter().find(|(id, _)| *id == transport).map(|(_, peer)| *peer)
    }

    fn has_listener(&self, port: Port) -> bool {
        self.listeners.contains(&port)
    }

    fn was_used(&self, route: RouteId) -> bool {
        self.used.contains(&route)
    }

    fn draw(&mut self) -> u32 {
        next(&mut self.labels)
    }
}

pub(crate) struct Node {
    pub(crate) book: RuleBook,
    pub(crate) body: Body,
    /// The forwarder's rules.
    pub(crate) table: BTreeMap<RouteId, InstalledRoute>,
}

impl Node {
    pub(crate) fn apply(&mut self, effects: impl IntoIterator<Item = Effect>) {
        for effect in effects {
            match effect {
                Effect::Install(rules) => {
                    let former = self.table.insert(rules.route, *rules);
                    assert!(former.is_none(), "rules were installed twice");
                }
                Effect::Remove { route } => {
                    self.table.remove(&route).expect("only installed routes are removed");
                }
            }
        }
    }
}

/// Nodes in a row; the transport at `i` joins the nodes `i` and `i + 1`.
pub(crate) struct World {
    pub(crate) now: Moment,
    pub(crate) clock: UnixTime,
    pub(crate) secrets: Vec<SecretKey>,
    pub(crate) nodes: BTreeMap<PublicKey, Node>,
    pub(crate) hops: Vec<Hop>,
    /// The setup node's last number for a label.
    pub(crate) labels: u32,
}

impl World {
    pub(crate) fn new(hops: u8) -> Self {
        Self::with_quotas(hops, Quotas::default())
    }

    pub(crate) fn with_quotas(hops: u8, quotas: Quotas) -> Self {
        let secrets: Vec<_> = (1..=hops + 1).map(secret).collect();
        let tcp = TransportType::new("tcp").expect("a valid name");
        let hops: Vec<_> = secrets
            .windows(2)
            .map(|pair| {
                let (from, to) = (pair[0].public(), pair[1].public());
                Hop { transport: TransportId::derive(&from, &to, &tcp), from, to }
            })
            .collect();
        let node = |secret: &SecretKey| {
            let key = secret.public();
            let own = hops.iter().filter(|hop| hop.from == key || hop.to == key);
            let peer = |hop: &Hop| if hop.from == key { hop.to } else { hop.from };
            let body = Body {
                transports: own.map(|hop| (hop.transport, peer(hop))).collect(),
                listeners: vec![PORT],
                used: Vec::new(),
                labels: u32::from(key.as_bytes()[0]),
            };
            (key, Node { book: RuleBook::new(key, [setup_key()], quotas), body, table: BTreeMap::new() })
        };
        let nodes = secrets.iter().map(node).collect();
        let now = Moment::from_origin(Duration::from_secs(1_000));
        Self { now, clock: UnixTime(1_700_000_000), secrets, nodes, hops, labels: 7 }
    }

    pub(crate) fn source(&self) -> PublicKey {
        self.secrets[0].public()
    }

    pub(crate) fn destination(&self) -> PublicKey {
        self.secrets[self.secrets.len() - 1].public()
    }

    pub(crate) fn node(&mut self, key: PublicKey) -> &mut Node {
        self.nodes.get_mut(&key).expect("a node of the row")
    }

    /// The request of the first node for a route over all hops.
    pub(crate) fn request(&self, route: u8) -> RouteRequest {
        RouteRequest {
            route: RouteId::from_bytes([route; 16]),
            source: OverlayAddress { key: self.source(), port: Port(40_000) },
            destination: OverlayAddress { key: self.destination(), port: PORT },
            path: path_digest(&self.hops),
            expires: self.clock.plus(ROUTE_REQUEST_TTL),
        }
    }

    /// The source signs a request, awaits its route and hands it to a setup node.
    pub(crate) fn ask(&mut self, route: u8) -> Run {
        let request = self.request(route).sign(&self.secrets[0]);
        let (now, source, first) = (self.now, self.source(), self.hops[0].transport);
        let Node { book, body, .. } = self.node(source);
        let label_in = book.ask(now, setup_key(), request.request.route, first, body);
        self.run(request, label_in.expect("a source can have a route of its own"))
    }

    /// A setup node begins with a request of the source.
    pub(crate) fn run(&mut self, request: SignedRouteRequest, label_in: RoutingId) -> Run {
        let asked = Asked { caller: self.source(), request, hops: self.hops.clone(), label_in };
        self.run_asked(asked)
    }

    pub(crate) fn run_asked(&mut self, asked: Asked) -> Run {
        let labels = &mut self.labels;
        Run::new(Saga::new(self.now, self.clock, &asked, &initiators(), &mut || next(labels)))
    }

    /// The message that installs an intermediate's rules at the second node of the row, as if the source were the first.
    pub(crate) fn install_in_the_middle(&mut self, route: u8) -> NodeMessage {
        let mut side = |hop: usize| Side {
            transport: self.hops[hop].transport,
            label_in: RoutingId(next(&mut self.labels)),
            label_out: RoutingId(next(&mut self.labels)),
        };
        let (previous, next) = (side(0), side(1));
        NodeMessage::Install {
            route: RouteId::from_bytes([route; 16]),
            initiator: InitiatorTag::default(),
            previous,
            role: Role::Intermediate { next },
        }
    }

    /// The message that installs the rule of the last node of the row.
    pub(crate) fn install_at_the_end(&mut self, route: RouteId, request: SignedRouteRequest) -> NodeMessage {
        let hop = self.hops.last().expect("a row has a hop");
        let (transport, label_in) = (hop.transport, RoutingId(next(&mut self.labels)));
        let previous = Side { transport, label_in, label_out: RoutingId(5) };
        let initiator = InitiatorTag::default();
        NodeMessage::Install { route, initiator, previous, role: Role::Destination { request } }
    }

    /// The setup node's good news reach the source, if it still awaits them; it sends its first packet at once, which
    /// crosses every node that has its rules, and stops at the first that does not.
    pub(crate) fn tell(&mut self, route: RouteId, outcome: &Outcome) -> bool {
        let Outcome::Established { label_out } = *outcome else { return false };
        let (now, source) = (self.now, self.source());
        let Node { book, body, .. } = self.node(source);
        let Ok(rules) = book.established(now, setup_key(), route, label_out, body) else { return false };
        self.node(source).apply([Effect::Install(Box::new(rules))]);
        let row: Vec<_> = self.secrets.iter().map(SecretKey::public).collect();
        for key in row {
            let node = self.node(key);
            if !node.table.contains_key(&route) {
                return false;
            }
            node.body.used.push(route);
        }
        true
    }

    /// A node begins anew and knows nothing.
    pub(crate) fn restart(&mut self, key: PublicKey) {
        let node = self.node(key);
        node.book = RuleBook::new(key, [setup_key()], Quotas::default());
        node.table.clear();
        node.body.used.clear();
    }

    /// A packet of the route met a node without a rule for it: the nodes before it are told, as their forwarders do.
    pub(crate) fn fault(&mut self, route: RouteId, at: PublicKey) {
        let before: Vec<_> =
            self.secrets.iter().map(SecretKey::public).take_while(|key| *key != at).collect();
        let now = self.now;
        for key in before {
            let node = self.node(key);
            if node.body.used.contains(&route) && node.table.remove(&route).is_some() {
                node.book.removed(now, route);
            }
        }
    }

    /// One message from a setup node, obeyed or refused.
    pub(crate) fn deliver(&mut self, from: PublicKey, to: PublicKey, message: NodeMessage) -> Reply {
        let (now, clock) = (self.now, self.clock);
        let node = self.node(to);
        let (reply, effects) = node.book.handle(now, clock, from, message, &mut node.body);
        node.apply(effects);
        reply
    }

    pub(crate) fn refusal(&mut self, from: PublicKey, to: PublicKey, message: NodeMessage) -> Code {
        match self.deliver(from, to, message) {
            Reply::Failed { failure } => failure.code,
            other => panic!("not refused but {other:?}"),
        }
    }

    pub(crate) fn advance_to(&mut self, moment: Moment) {
        self.clock =
            UnixTime(self.clock.0 + (moment.since_origin().as_secs() - self.now.since_origin().as_secs()));
        self.now = moment;
        for node in self.nodes.values_mut() {
            let effects = node.book.handle_timeout(moment, &node.body);
            node.apply(effects);
        }
    }

    pub(crate) fn advance(&mut self, span: Duration) {
        self.advance_to(self.now + span);
    }

    /// Rules in all forwarding tables.
    pub(crate) fn rules(&self) -> usize {
        self.nodes.values().map(|node| node.table.len()).sum()
    }
}

/// What becomes of a message or of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Arrives,
    /// Nothing arrives, ever.
    Lost,
    /// The sender learns that nothing arrived. Of a reply: the message was obeyed nevertheless.
    Breaks,
    /// The node says no without looking. Of a reply: the answer is garbled.
    Denied,
}

/// A message or a reply that is under way.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Message(CallId, PublicKey, Box<NodeMessage>),
    Reply(CallId, Result<Reply, CallFailure>),
}

/// A saga with what is under way between it and the nodes.
pub(crate) struct Run {
    pub(crate) saga: Saga,
    pub(crate) under_way: Vec<Event>,
    /// Every message that the saga has sent, in order.
    pub(crate) sent: Vec<(PublicKey, NodeMessage)>,
}

impl Run {
    pub(crate) fn new(saga: Saga) -> Self {
        let mut run = Self { saga, under_way: Vec::new(), sent: Vec::new() };
        run.collect();
        run
    }

    fn collect(&mut self) {
        while let Some(Action::Call { call, node, message }) = self.saga.poll_action() {
            self.sent.push((node, message.clone()));
            self.under_way.push(Event::Message(call, node, Box::new(message)));
        }
    }

    /// Lets the event at `index` happen.
    pub(crate) fn happen(&mut self, world: &mut World, index: usize, fate: Fate) {
        match (self.under_way.remove(index), fate) {
            (_, Fate::Lost) => {}
            (Event::Message(call, node, message), Fate::Arrives) => {
                let reply = world.deliver(setup_key(), node, *message);
                self.under_way.push(Event::Reply(call, Ok(reply)));
            }
            (Event::Message(call, ..), Fate::Denied) => {
                let failure = Failure { code: Code::Limit, why: "enough".to_owned() };
                self.under_way.push(Event::Reply(call, Ok(Reply::Failed { failure })));
            }
            (Event::Reply(call, result), Fate::Arrives) => self.saga.handle_reply(world.now, call, result),
            (Event::Message(call, ..) | Event::Reply(call, _), Fate::Breaks) => {
                self.saga.handle_reply(world.now, call, Err(CallFailure::Unreachable));
            }
            (Event::Reply(call, _), Fate::Denied) => {
                self.saga.handle_reply(world.now, call, Err(CallFailure::Malformed));
            }
        }
        self.collect();
    }

    pub(crate) fn time_out(&mut self, world: &mut World) {
        if let Some(deadline) = self.saga.poll_timeout() {
            self.wait_until(world, deadline.max(world.now));
        }
    }

    pub(crate) fn wait_until(&mut self, world: &mut World, moment: Moment) {
        world.advance_to(moment);
        self.saga.handle_timeout(moment);
        self.collect();
    }

    /// Runs to the end; `fate` decides about the n-th event. Answers the outcome and the number of events.
    pub(crate) fn finish(&mut self, world: &mut World, fate: impl Fn(usize) -> Fate) -> (Outcome, usize) {
        let mut count = 0;
        while !self.saga.is_finished() {
            if self.under_way.is_empty() {
                self.time_out(world);
            } else {
                self.happen(world, 0, fate(count));
                count += 1;
            }
        }
        (self.saga.outcome().expect("a finished saga has an outcome"), count)
    }
}

pub(crate) fn failure_code(outcome: &Outcome) -> Option<Code> {
    match outcome {
        Outcome::Established { .. } => None,
        Outcome::Failed(failure) => Some(failure.code),
    }
}
