//! A whole node, in process.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use byway_api::route_finder::FindReply;
use byway_base::{
    Code, OverlayAddress, Policy, Port, Problem, PublicKey, TransportId, TransportType, limits::ROUTE_LEASE,
};
use byway_clock::unix_now;
use byway_http::client::Client;
use byway_messaging_client::{ALPN_PUNCH, ALPN_SETUP, ALPN_TRANSPORT, Messaging, MessagingClient};
use byway_net::Identity;
use byway_routing::{Counters, Event};
use byway_service_kit::Health;
use byway_transports::{Context, Registry};
use byway_wire::Candidate;
use tokio::{
    sync::{broadcast, mpsc},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    config::Config,
    datagrams::Datagrams,
    dataplane::Dataplane,
    dialer::{Dialer, Parts, PathChoice, RouteInfo},
    echo::{self, ECHO_PORT, Ping},
    events::{Events, NodeEvent},
    groups::Groups,
    inbound,
    listeners::{IncomingDatagrams, Listener, Listeners},
    paths::Paths,
    reporting::Reporter,
    setup::{self, Obedience, SetupNodes},
    stream::OverlayStream,
    trace::{RouteEnd, Traces},
    transports::{Down, Transports},
    traversal::{Traversal, neighbours},
    view::{SessionInfo, TransportInfo},
    volume::{Volume, VolumeView},
};

/// A member of the overlay. Cheap to clone; all clones are the same node. It runs until [`Node::stop`].
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    key: PublicKey,
    config: Config,
    dataplane: Arc<Dataplane>,
    transports: Transports,
    /// None if its user wants no direct ways looked for.
    traversal: Option<Traversal>,
    listeners: Listeners,
    dialer: Dialer,
    obedience: Arc<Obedience>,
    traces: Arc<Traces>,
    /// What it may carry for others, if there is a cap.
    volume: Option<Arc<Volume>>,
    messaging: MessagingClient,
    finder: Option<Client>,
    events: Events,
    health: Health,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Node {
    /// Starts a node: binds its listener, connects to messaging, opens the wanted transports in the background.
    ///
    /// # Errors
    /// If the key cannot be loaded or an address cannot be bound. A service that is away is no error: it is awaited.
    pub async fn start(config: Config) -> Result<Self, Problem> {
        let secret = config.key.load()?;
        let identity = Identity::new(secret.clone());
        let key = secret.public();
        let stop = CancellationToken::new();
        let health = Health::new();
        let events = Events::new();
        let (dataplane, happened) = Dataplane::new(config.forwarding.for_forwarder(config.transit));
        let messaging = start_messaging(&config, &secret, &stop)?;
        let context = Context {
            identity: identity.clone(),
            tcp_listen: config.listen,
            quic_listen: config.quic_listen,
            messaging: Some(messaging.clone()),
        };
        let (registry, accepted) = Registry::start(secret.clone(), &context).await.map_err(|error| {
            let addresses = [config.listen, config.quic_listen].into_iter().flatten();
            let addresses: Vec<_> = addresses.map(|address| address.to_string()).collect();
            Problem::new(
                Code::Bind,
                format!("cannot accept transports on {}", addresses.join(" and ")),
                error,
            )
        })?;
        messaging.set_candidates(published(&registry, &config));
        let tasks = TaskTracker::new();
        let udp = registry.udp();
        let traversal = udp.and_then(|udp| Traversal::start(&config, &udp, &messaging, &tasks, &stop));
        let transports = Transports::start(
            key,
            registry,
            accepted,
            dataplane.clone(),
            (Some(messaging.clone()), traversal.clone()),
            events.clone(),
            stop.clone(),
        );
        let listeners = Listeners::default();
        let (groups, inbound) = Groups::new(dataplane.clone());
        let obedience = Arc::new(Obedience::new(
            key,
            &config,
            dataplane.clone(),
            transports.clone(),
            groups.clone(),
            listeners.clone(),
        ));
        let finder = config
            .route_finder
            .as_ref()
            .map(|service| Client::at(service, Some(secret.clone()), Some(messaging.services())))
            .transpose()?;
        let dialer = Dialer::new(Parts {
            secret: secret.clone(),
            identity: identity.clone(),
            dataplane: dataplane.clone(),
            transports: transports.clone(),
            groups: groups.clone(),
            paths: Paths::new(key, finder.clone()),
            setup_nodes: SetupNodes::new(
                messaging.clone(),
                secret.clone(),
                obedience.clone(),
                &config.trusted_setup_nodes,
            ),
            events: events.clone(),
            stop: stop.clone(),
        });
        let cap = config.forwarding.volume.filter(|_| config.transit);
        let volume = cap.map(|cap| Arc::new(Volume::open(cap, config.state_dir.clone(), unix_now())));
        let inner = Inner {
            key,
            dataplane,
            transports,
            traversal,
            listeners,
            dialer,
            obedience,
            traces: Arc::default(),
            volume,
            messaging,
            finder,
            events,
            health,
            tasks,
            stop,
            config,
        };
        let node = Self { inner: Arc::new(inner) };
        node.spawn_tasks(&secret, identity, groups, inbound, happened)?;
        Ok(node)
    }

    fn spawn_tasks(
        &self,
        secret: &byway_base::SecretKey,
        identity: Identity,
        groups: Groups,
        inbound: mpsc::Receiver<crate::groups::NewInbound>,
        happened: mpsc::UnboundedReceiver<Event>,
    ) -> Result<(), Problem> {
        let inner = &self.inner;
        let setup_connections = inner
            .messaging
            .accept(ALPN_SETUP)
            .map_err(|error| Problem::new(Code::Internal, "cannot accept setup connections", error))?;
        self.spawn(setup::serve(setup_connections, inner.obedience.clone()));
        if let Some(traversal) = &inner.traversal {
            let wanted = inner.config.transports.iter().map(|wanted| wanted.peer).collect();
            let serving = traversal.serve(&inner.transports, wanted);
            self.spawn(
                serving
                    .map_err(|error| Problem::new(Code::Internal, "cannot look for direct ways", error))?,
            );
        }
        self.spawn(inbound::accept_sessions(identity, inbound, groups.clone(), inner.listeners.clone()));
        self.spawn(echo::serve(inner.listeners.streams.listen(ECHO_PORT)?));
        self.spawn(keep_time(inner.dataplane.clone(), inner.obedience.clone()));
        self.spawn(handle_events(
            happened,
            inner.dataplane.clone(),
            inner.transports.clone(),
            groups,
            inner.obedience.clone(),
            inner.traces.clone(),
        ));
        if let Some(volume) = &inner.volume {
            // It ends by itself when the node stops, after it has written the count down.
            let (dataplane, obedience) = (inner.dataplane.clone(), inner.obedience.clone());
            inner.tasks.spawn(volume.clone().run(dataplane, obedience, inner.stop.clone()));
        }
        if let Some(service) = &inner.config.transport_discovery {
            let reporter = Reporter {
                client: Client::at(service, Some(secret.clone()), Some(inner.messaging.services()))?,
                transports: inner.transports.clone(),
                dataplane: inner.dataplane.clone(),
                obedience: inner.obedience.clone(),
                check: inner.health.check("transport-discovery"),
            };
            self.spawn(reporter.run());
        }
        let configured =
            !inner.config.messaging_discovery.is_empty() || !inner.config.messaging_servers.is_empty();
        let check = inner.health.check("messaging");
        let messaging = inner.messaging.clone();
        self.spawn(async move {
            let mut status = messaging.watch();
            loop {
                let now = status.borrow_and_update().clone();
                if now.connected {
                    check.ok();
                } else if configured {
                    check.degraded(now.why_not_connected());
                } else {
                    check.degraded("neither `messaging_discovery` nor `messaging_servers` is configured");
                }
                if status.changed().await.is_err() {
                    return;
                }
            }
        });
        for wanted in &inner.config.transports {
            inner.transports.keep(wanted.clone());
        }
        Ok(())
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.inner.stop.clone();
        self.inner.tasks.spawn(async move {
            stop.run_until_cancelled(task).await;
        });
    }

    pub(crate) fn dataplane(&self) -> &Arc<Dataplane> {
        &self.inner.dataplane
    }

    pub(crate) fn dialer(&self) -> &Dialer {
        &self.inner.dialer
    }

    pub(crate) fn traces(&self) -> &Arc<Traces> {
        &self.inner.traces
    }

    pub(crate) fn traversal(&self) -> Option<&Traversal> {
        self.inner.traversal.as_ref()
    }

    pub(crate) fn finder(&self) -> Option<&Client> {
        self.inner.finder.as_ref()
    }

    /// The wanted transports that are down.
    pub(crate) fn down(&self) -> Vec<Down> {
        self.inner.transports.down()
    }

    /// The peers that have a `messaging` transport and no other.
    pub(crate) fn relayed(&self) -> Vec<PublicKey> {
        neighbours(&self.inner.transports).relayed.into_keys().collect()
    }

    /// Who the node is.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.inner.key
    }

    /// Its readiness checks.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.health.clone()
    }

    /// Where it accepts `tcp` transports, if it does.
    #[must_use]
    pub fn listen_address(&self) -> Option<SocketAddr> {
        self.inner.transports.listen_address("tcp")
    }

    /// Where it accepts `quic` transports, if it does.
    #[must_use]
    pub fn quic_listen_address(&self) -> Option<SocketAddr> {
        self.inner.transports.listen_address("quic")
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Its connections to messaging servers.
    #[must_use]
    pub fn messaging(&self) -> &MessagingClient {
        &self.inner.messaging
    }

    /// What happens from now on. A reader that falls behind is told how much it missed.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<NodeEvent> {
        self.inner.events.subscribe()
    }

    /// Opens a stream to an app on another node. Says over which routes it goes.
    ///
    /// # Errors
    /// With a code of its own: no path, no route, no session, no app, or too slow
    /// ([`byway_base::limits::DIAL_TIMEOUT`]). Nothing stays behind.
    pub async fn dial(
        &self,
        to: OverlayAddress,
        choice: PathChoice,
    ) -> Result<(OverlayStream, Vec<RouteInfo>), Problem> {
        self.inner.dialer.dial(to, choice).await
    }

    /// Opens a channel for datagrams to an app on another node, over the session that leads there by that choice of path.
    /// Says over which routes it goes.
    ///
    /// # Errors
    /// As [`Self::dial`]. Nothing stays behind.
    pub async fn dial_datagrams(
        &self,
        to: OverlayAddress,
        choice: PathChoice,
    ) -> Result<(Datagrams, Vec<RouteInfo>), Problem> {
        self.inner.dialer.dial_datagrams(to, choice).await
    }

    /// Opens a port for channels from other nodes, beside streams: the same port may be open for both.
    ///
    /// # Errors
    /// [`Code::Conflict`] if another app has it.
    pub fn listen_datagrams(&self, port: Port) -> Result<Listener<IncomingDatagrams>, Problem> {
        self.inner.listeners.datagrams.listen(port)
    }

    /// Opens a port for streams from other nodes.
    ///
    /// # Errors
    /// [`Code::Conflict`] if another app has it.
    pub fn listen(&self, port: Port) -> Result<Listener, Problem> {
        self.inner.listeners.streams.listen(port)
    }

    /// The ports that apps take channels for datagrams on.
    #[must_use]
    pub fn listening_datagrams(&self) -> Vec<Port> {
        self.inner.listeners.datagrams.ports()
    }

    /// The ports that apps take streams on.
    #[must_use]
    pub fn listening(&self) -> Vec<Port> {
        self.inner.listeners.streams.ports()
    }

    /// Sends `count` small messages to another node and back.
    ///
    /// # Errors
    /// As [`Self::dial`].
    pub async fn ping(&self, peer: PublicKey, choice: PathChoice, count: u32) -> Result<Ping, Problem> {
        echo::ping(&self.inner.dialer, peer, choice, count).await
    }

    /// Asks the route finder for paths from here.
    ///
    /// # Errors
    /// [`Code::NoPath`], or why the finder did not answer.
    pub async fn find_paths(
        &self,
        to: PublicKey,
        policy: &Policy,
        k: usize,
        why_not: bool,
    ) -> Result<FindReply, Problem> {
        Paths::new(self.inner.key, self.inner.finder.clone()).ask(to, policy, k, why_not).await
    }

    /// Opens a transport; returns its id. Harmless if it is up.
    ///
    /// # Errors
    /// Why the peer could not be reached or did not agree.
    pub async fn open_transport(
        &self,
        kind: &TransportType,
        peer: PublicKey,
    ) -> Result<TransportId, Problem> {
        self.inner.transports.open(kind, peer).await
    }

    /// Closes a transport. False if there is none with this id.
    #[must_use]
    pub fn close_transport(&self, id: &TransportId) -> bool {
        self.inner.transports.close(id)
    }

    /// The transports that are up.
    #[must_use]
    pub fn transports(&self) -> Vec<TransportInfo> {
        self.inner.transports.with_table(|table| {
            let info = |(id, live): (&TransportId, &crate::transports::Live)| {
                let view = self.inner.dataplane.transport(live.slot);
                TransportInfo {
                    id: *id,
                    kind: live.entry.entry.kind.clone(),
                    peer: live.peer,
                    address: live.address.clone(),
                    dialled: live.dialled,
                    rtt: view.and_then(|view| view.rtt),
                    bytes: view.map(|view| (view.sent_bytes, view.received_bytes)).unwrap_or_default(),
                    flows: view.map(|view| view.flows).unwrap_or_default(),
                }
            };
            table.iter().map(info).collect()
        })
    }

    /// Waits until a transport comes or goes, or the node stops.
    pub async fn transports_changed(&self) {
        let mut changes = self.inner.transports.changes();
        // The sender lives as long as the node.
        let _ = changes.changed().await;
    }

    /// The sessions that this node began.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        let info = |kept: Arc<crate::dialer::Kept>| SessionInfo {
            to: kept.session.to,
            streams: kept.session.users(),
            rtt: kept.session.rtt(),
            routes: kept.routes(),
        };
        self.inner.dialer.sessions().into_iter().map(info).collect()
    }

    /// Totals of the data half.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.inner.dataplane.counters()
    }

    /// Whether the node forwards for others at present: it is told to, and its volume is not used up.
    #[must_use]
    pub fn transit(&self) -> bool {
        self.inner.obedience.carries_transit()
    }

    /// What of its volume is used; none without a cap.
    #[must_use]
    pub fn volume(&self) -> Option<VolumeView> {
        self.inner.volume.as_ref().map(|volume| volume.view())
    }

    /// Bytes that came from transports and wait in the node's queues.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.inner.dataplane.queued()
    }

    /// Installed rules, two per route.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.inner.dataplane.rules()
    }

    /// Every route over, from or to this node.
    #[must_use]
    pub fn routes(&self) -> Vec<byway_routing::RouteView> {
        self.inner.dataplane.routes()
    }

    /// What setup nodes had installed here, and what was refused.
    #[must_use]
    pub fn setup_counts(&self) -> byway_setup::Counts {
        self.inner.obedience.counts()
    }

    /// Ends the sessions, closes the transports, takes leave of messaging.
    pub async fn stop(&self) {
        let inner = &self.inner;
        inner.health.drain();
        // What did not end in time is cut.
        let _ = timeout(inner.config.drain, inner.dialer.finish()).await;
        self.kill();
        let _ = timeout(inner.config.drain, async {
            inner.tasks.wait().await;
            inner.transports.finished().await;
            inner.messaging.closed().await;
        })
        .await;
    }

    /// Ends the node at once; its sessions break.
    pub fn kill(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
    }
}

fn start_messaging(
    config: &Config,
    secret: &byway_base::SecretKey,
    stop: &CancellationToken,
) -> Result<MessagingClient, Problem> {
    let (discovery, servers) = (config.messaging_discovery.clone(), config.messaging_servers.clone());
    let mut messaging = Messaging { discovery, servers }.client(secret)?;
    messaging.alpns = vec![ALPN_TRANSPORT, ALPN_SETUP];
    messaging.alpns.extend(config.traversal.enabled.then_some(ALPN_PUNCH));
    messaging.transit = config.transit;
    MessagingClient::start(messaging, stop.clone())
}

/// The addresses for the contact record. One that names no interface is of no use to others.
fn published(registry: &Registry, config: &Config) -> Vec<Candidate> {
    let mut candidates = registry.candidates();
    for candidate in &mut candidates {
        let public = match candidate.kind.as_str() {
            "quic" => config.quic_public_address,
            _ => config.public_address,
        };
        candidate.address = public.unwrap_or(candidate.address);
    }
    candidates.retain(|candidate| !candidate.address.ip().is_unspecified());
    candidates
}

/// What happens by time alone.
async fn keep_time(dataplane: Arc<Dataplane>, obedience: Arc<Obedience>) {
    const SHORTEST: Duration = Duration::from_millis(10);
    loop {
        let forwarding = dataplane.handle_timeout();
        let leases = obedience.handle_timeout().unwrap_or(ROUTE_LEASE);
        sleep(SHORTEST).await;
        let rest = forwarding.min(leases).saturating_sub(SHORTEST);
        // Sooner, or on time: either way it is looked at again.
        let _ = timeout(rest, dataplane.sooner()).await;
    }
}

/// What happens in the data half, told to whom it concerns.
async fn handle_events(
    mut happened: mpsc::UnboundedReceiver<Event>,
    dataplane: Arc<Dataplane>,
    transports: Transports,
    groups: Groups,
    obedience: Arc<Obedience>,
    traces: Arc<Traces>,
) {
    while let Some(event) = happened.recv().await {
        match event {
            Event::RouteUsed { key, route } => obedience.used(route, key),
            Event::RouteEnded { key, route, local, reason, distance } => {
                obedience.removed(route);
                if local {
                    traces.route_ended(key, RouteEnd { reason, distance });
                    dataplane.forget_route(key);
                    groups.route_ended(key, reason, distance);
                }
            }
            Event::ProbeAnswered { key, token } => groups.probe_answered(key, token),
            Event::TraceAnswered { key, token } => traces.answered(key, token),
            Event::RoundTrip { .. } => {}
            Event::TransportDead { slot, why } => transports.close_slot(slot, why),
        }
    }
}
