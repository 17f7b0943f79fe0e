//! Carries out what the core wants: one task per client.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use byway_base::{Code, Problem, PublicKey};
use byway_messaging::{ClientCore, Effect};
use byway_net::Backoff;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::ServerAddress,
    hub::Hub,
    link::{self, LinkError},
    look_up::LookUps,
    status::{Board, Status},
};

/// A link that lived this long had succeeded; the next pause starts small again.
const LIVED: Duration = Duration::from_secs(10);
/// How long the steward sleeps if nothing is due.
const LONG: Duration = Duration::from_secs(3_600);

pub(crate) struct Steward {
    hub: Arc<Hub>,
    look_ups: LookUps,
    links: JoinSet<LinkEnd>,
    live: BTreeMap<PublicKey, Live>,
    backoffs: BTreeMap<PublicKey, Backoff>,
    serial: u64,
    delegated: watch::Sender<Vec<PublicKey>>,
    status: watch::Sender<Status>,
    board: Board,
}

/// A link that was started and not yet asked to end.
struct Live {
    serial: u64,
    cancel: CancellationToken,
}

struct LinkEnd {
    server: PublicKey,
    serial: u64,
    lived: Duration,
    /// `None` if it was asked to end.
    error: Option<LinkError>,
}

impl Steward {
    pub(crate) fn new(
        hub: Arc<Hub>,
        look_ups: LookUps,
        delegated: watch::Sender<Vec<PublicKey>>,
        status: watch::Sender<Status>,
        board: Board,
    ) -> Self {
        Self {
            hub,
            look_ups,
            links: JoinSet::new(),
            live: BTreeMap::new(),
            backoffs: BTreeMap::new(),
            serial: 0,
            delegated,
            status,
            board,
        }
    }

    /// Runs until `cancel`, then closes the links.
    pub(crate) async fn run(mut self, cancel: CancellationToken) {
        loop {
            self.carry_out();
            self.report();
            let due = self.hub.with_core(|core, _| core.poll_timeout());
            let due = due.map_or_else(|| Instant::now() + LONG, |moment| self.hub.instant(moment));
            tokio::select! {
                () = cancel.cancelled() => break,
                () = self.hub.work.notified() => {}
                Some(ended) = self.links.join_next() => match ended {
                    Ok(end) => self.ended(end),
                    Err(error) => tracing::error!(%error, "link task failed"),
                },
                answer = self.look_ups.answer() => answer.apply(&self.hub, &self.board),
                () = sleep_until(due) => self.hub.with_core(ClientCore::handle_timeout),
            }
        }
        self.live.values().for_each(|live| live.cancel.cancel());
        while self.links.join_next().await.is_some() {}
    }

    fn carry_out(&mut self) {
        // What is carried out may cause more, at once.
        loop {
            let effects = self.hub.effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                match effect {
                    Effect::Connect { server, address } => self.connect(server, address),
                    Effect::Disconnect { server } => {
                        self.live.remove(&server).into_iter().for_each(|live| live.cancel.cancel());
                    }
                    Effect::LookUp { key } => self.look_ups.want(key),
                    Effect::Publish { servers } => {
                        tracing::info!(?servers, "reachable through messaging servers");
                        self.delegated.send_replace(servers);
                    }
                }
            }
            self.look_ups.send(&self.hub);
        }
    }

    fn connect(&mut self, server: PublicKey, address: SocketAddr) {
        self.serial += 1;
        let (serial, cancel) = (self.serial, CancellationToken::new());
        if let Some(old) = self.live.insert(server, Live { serial, cancel: cancel.clone() }) {
            old.cancel.cancel();
        }
        let hub = self.hub.clone();
        self.links.spawn(async move {
            let started = Instant::now();
            let error = link::run(hub, ServerAddress { key: server, address }, cancel).await;
            LinkEnd { server, serial, lived: started.elapsed(), error }
        });
    }

    fn ended(&mut self, end: LinkEnd) {
        let LinkEnd { server, serial, lived, error } = end;
        let current = self.live.get(&server).is_some_and(|live| live.serial == serial);
        match error {
            Some(error) if current => {
                self.live.remove(&server);
                let backoff = self.backoffs.entry(server).or_default();
                if lived >= LIVED {
                    backoff.reset();
                }
                let pause = backoff.next(rand::random());
                let what = format!("lost messaging server {}", server.short());
                self.board.set(&topic(server), Some(Problem::new(Code::MessagingUnreachable, what, error)));
                self.hub.link_down(server, pause);
            }
            // It was asked to end, and may have come up just then.
            _ if !self.live.contains_key(&server) => self.hub.unlink(server),
            _ => {}
        }
    }

    fn report(&self) {
        for (server, _) in self.live.iter().filter(|(server, _)| self.hub.is_up(server)) {
            self.board.set(&topic(*server), None);
        }
        let key = self.hub.identity.public();
        let status = self.hub.with_core(|core, _| Status::of(key, core, self.board.problems()));
        self.status.send_if_modified(|known| {
            let changed = *known != status;
            *known = status;
            changed
        });
    }
}

fn topic(server: PublicKey) -> String {
    format!("server {}", server.short())
}
