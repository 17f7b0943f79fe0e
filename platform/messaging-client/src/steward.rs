//! Carries out what the core wants: one task per client.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use byway_base::{Code, Problem, PublicKey};
use byway_messaging::{ClientCore, Effect, Recent};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    hub::Hub,
    link::{self, LinkError, Target},
    look_up::LookUps,
    probe,
    protocol::Spot,
    status::{Board, Status, topic},
};

/// Servers of which is remembered how they were reached.
const REMEMBERED: usize = 64;
/// How long the steward sleeps if nothing is due.
const LONG: Duration = Duration::from_secs(3_600);

pub(crate) struct Steward {
    hub: Arc<Hub>,
    look_ups: LookUps,
    links: JoinSet<LinkEnd>,
    live: BTreeMap<PublicKey, Live>,
    probes: JoinSet<(PublicKey, Option<Duration>)>,
    /// How servers were reached the last time.
    worked: Recent<PublicKey, Spot>,
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
            probes: JoinSet::new(),
            worked: Recent::new(REMEMBERED),
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
                Some(probed) = self.probes.join_next() => match probed {
                    Ok((server, rtt)) => self.hub.with_core(|core, _| core.probed(server, rtt)),
                    Err(error) => tracing::error!(%error, "measuring a round trip failed"),
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
                    Effect::Connect { server: key, tcp, udp } => {
                        let worked = self.worked.get_mut(&key).copied();
                        self.connect(Target { key, tcp, udp, worked });
                    }
                    Effect::Probe { server, tcp } => {
                        self.probes.spawn(async move { (server, probe::round_trip(&tcp).await) });
                    }
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

    fn connect(&mut self, target: Target) {
        self.serial += 1;
        let (serial, server, cancel) = (self.serial, target.key, CancellationToken::new());
        if let Some(old) = self.live.insert(server, Live { serial, cancel: cancel.clone() }) {
            old.cancel.cancel();
        }
        let hub = self.hub.clone();
        self.links.spawn(async move {
            let error = link::run(hub, target, cancel).await;
            LinkEnd { server, serial, error }
        });
    }

    fn ended(&mut self, end: LinkEnd) {
        let LinkEnd { server, serial, error } = end;
        let current = self.live.get(&server).is_some_and(|live| live.serial == serial);
        match error {
            Some(error) if current => {
                self.live.remove(&server);
                let what = format!("lost messaging server {}", server.short());
                self.board.set(&topic(server), Some(Problem::new(Code::MessagingUnreachable, what, error)));
                self.hub.link_down(server);
            }
            // It was asked to end, and may have come up just then.
            _ if !self.live.contains_key(&server) => self.hub.unlink(server),
            _ => {}
        }
    }

    fn report(&mut self) {
        for (server, spot) in self.hub.spots() {
            self.board.set(&topic(server), None);
            *self.worked.get_or_insert_with(server, || spot) = spot;
        }
        let status = Status::present(&self.hub, &self.board);
        self.status.send_if_modified(|known| {
            let changed = *known != status;
            *known = status;
            changed
        });
    }
}
