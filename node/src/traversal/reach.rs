//! What a node knows of how peers can reach its UDP socket, and how it comes to know.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant as StdInstant},
};

use byway_messaging_client::MessagingClient;
use byway_traversal::{Candidates, Mapping, Offer, Reachability};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};

use super::{addresses, mapped::Mapped, socket::Socket};

/// Surveys without a cause: a dozen small packets. NATs that are restarted are noticed so.
const SURVEY_INTERVAL: Duration = Duration::from_secs(300);
/// An attempt relies on what was seen within this time: the NAT may have forgotten the socket since, or the network may have
/// changed. Attempts are rare, and so are surveys for them.
const FRESH: Duration = Duration::from_secs(5);
/// Longer than any survey.
const SURVEY_WAIT: Duration = Duration::from_secs(6);
/// How often this machine's addresses are looked at: one question to the kernel.
const ADDRESSES_INTERVAL: Duration = Duration::from_secs(3);
/// What a node knows of how peers can reach its UDP socket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Where it is without any NAT.
    pub(crate) local: Vec<SocketAddr>,
    /// What the messaging servers saw, once they were asked.
    pub(crate) survey: Option<Reachability>,
    /// Whether the router forwards a port.
    pub(crate) mapped: Mapped,
    /// Where its user says that it is.
    pub(crate) public: Option<SocketAddr>,
    /// Counts changes by which attempts that failed may succeed.
    pub(crate) epoch: u64,
    /// When the servers were asked last.
    asked: Option<StdInstant>,
}

impl Reach {
    /// What is told to a peer.
    pub(super) fn offer(&self) -> Offer {
        let seen = self.survey.iter().flat_map(Reachability::reflexive);
        let all = self.public.into_iter().chain(self.mapped.address()).chain(seen).chain(self.local.clone());
        let mut candidates: Vec<SocketAddr> = Vec::new();
        for address in all {
            if !candidates.contains(&address) {
                candidates.push(address);
            }
        }
        Offer { candidates: Candidates::new(candidates), mapping: self.mapping() }
    }

    /// What kind of NAT there is.
    pub(crate) fn mapping(&self) -> Mapping {
        self.survey.as_ref().map_or(Mapping::Unknown, Reachability::mapping)
    }

    fn is_fresh(&self) -> bool {
        self.asked.is_some_and(|asked| asked.elapsed() < FRESH)
    }

    /// Whether an attempt may end otherwise than with `other`. The ports that a symmetric NAT gives are always others.
    fn differs(&self, other: &Self) -> bool {
        let hosts = |reach: &Self| {
            let seen = reach.survey.iter().flat_map(Reachability::reflexive);
            seen.map(|address| address.ip()).collect::<BTreeSet<_>>()
        };
        self.local != other.local
            || self.mapping() != other.mapping()
            || self.mapped.address() != other.mapped.address()
            || hosts(self) != hosts(other)
    }
}

/// Reads a node's [`Reach`], and has it renewed. Cheap to clone.
#[derive(Clone)]
pub(super) struct Reaches {
    reach: watch::Receiver<Reach>,
    requests: mpsc::Sender<oneshot::Sender<()>>,
}

impl Reaches {
    /// What is known now.
    pub(super) fn now(&self) -> Reach {
        self.reach.borrow().clone()
    }

    /// What is known, and every change of it.
    pub(super) fn watch(&self) -> watch::Receiver<Reach> {
        self.reach.clone()
    }

    /// What is known, asked anew if it is older than NATs remember. Takes no longer than a survey.
    pub(super) async fn fresh(&self) -> Reach {
        if !self.reach.borrow().is_fresh() {
            let (done, asked) = oneshot::channel();
            let ask = async {
                if self.requests.send(done).await.is_ok() {
                    let _ = asked.await;
                }
            };
            // What is known serves if there is nothing newer.
            let _ = timeout(SURVEY_WAIT, ask).await;
        }
        self.now()
    }
}

/// Where the node's UDP socket is.
pub(super) struct Place {
    /// What it is bound to; may name no interface.
    pub(super) bound: SocketAddr,
    /// Where its user says that it is reached.
    pub(super) public: Option<SocketAddr>,
}

/// Keeps a [`Reach`] true.
pub(super) struct Keeper {
    bound: SocketAddr,
    socket: Socket,
    messaging: MessagingClient,
    mapped: watch::Receiver<Mapped>,
    reach: watch::Sender<Reach>,
    requests: mpsc::Receiver<oneshot::Sender<()>>,
    servers: Vec<SocketAddr>,
}

impl Keeper {
    /// For a socket at `place`.
    pub(super) fn new(
        Place { bound, public }: Place,
        socket: Socket,
        messaging: MessagingClient,
        mapped: watch::Receiver<Mapped>,
    ) -> (Self, Reaches) {
        let (sender, requests) = mpsc::channel(16);
        let first = mapped.borrow().clone();
        let reach = watch::Sender::new(Reach { public, mapped: first, ..Reach::default() });
        let reaches = Reaches { reach: reach.subscribe(), requests: sender };
        (Self { bound, socket, messaging, mapped, reach, requests, servers: Vec::new() }, reaches)
    }

    /// Runs until dropped.
    pub(super) async fn run(mut self) {
        let mut addresses = interval(ADDRESSES_INTERVAL);
        addresses.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut status = self.messaging.watch();
        let mut due = Instant::now();
        loop {
            let mut waiting = Vec::new();
            let survey = tokio::select! {
                () = sleep_until(due) => true,
                _ = addresses.tick() => self.look_at_addresses(),
                Ok(()) = status.changed() => self.look_at_servers(),
                Some(request) = self.requests.recv() => {
                    waiting.push(request);
                    !self.reach.borrow().is_fresh()
                }
                Ok(()) = self.mapped.changed() => {
                    let mapped = self.mapped.borrow_and_update().clone();
                    self.update(|reach| reach.mapped = mapped);
                    false
                }
            };
            if survey {
                self.look_at_addresses();
                self.look_at_servers();
                self.survey().await;
                let jitter = SURVEY_INTERVAL.mul_f64(rand::random_range(0.0..0.2));
                due = Instant::now() + SURVEY_INTERVAL - jitter;
            }
            for request in waiting {
                let _ = request.send(());
            }
        }
    }

    async fn survey(&self) {
        if self.servers.is_empty() {
            return;
        }
        let mut local = self.reach.borrow().local.clone();
        // A server on this machine sees these.
        let loopback = [IpAddr::from(Ipv6Addr::LOCALHOST), Ipv4Addr::LOCALHOST.into()];
        local.extend(loopback.map(|ip| SocketAddr::new(ip, self.bound.port())));
        if let Some(survey) = self.socket.survey(&self.servers, &local).await {
            self.update(|reach| {
                tracing::debug!(?survey, "reachability surveyed");
                (reach.survey, reach.asked) = (Some(survey), Some(StdInstant::now()));
            });
        }
    }

    /// True if they are others than before.
    fn look_at_addresses(&self) -> bool {
        match addresses::local(self.bound) {
            Ok(local) if local != self.reach.borrow().local => {
                self.update(|reach| reach.local = local);
                true
            }
            Ok(_) => false,
            Err(error) => {
                tracing::debug!(%error, "cannot list this machine's addresses");
                false
            }
        }
    }

    /// True if others are to be asked than before.
    fn look_at_servers(&mut self) -> bool {
        let home = self.messaging.status().delegated;
        let mut known = self.messaging.servers();
        known.sort_by_key(|server| (!home.contains(&server.key), server.key));
        // A few are asked; both families are to be among them.
        let mut servers = Vec::new();
        for server in &known {
            let of_family = |v4| server.udp.iter().find(|address| address.is_ipv4() == v4);
            servers.extend([true, false].into_iter().filter_map(of_family));
        }
        let changed = servers != self.servers;
        self.servers = servers;
        changed
    }

    fn update(&self, change: impl FnOnce(&mut Reach)) {
        self.reach.send_if_modified(|reach| {
            let before = reach.clone();
            change(reach);
            if reach.differs(&before) {
                reach.epoch = before.epoch.wrapping_add(1);
            }
            *reach != before
        });
    }
}
