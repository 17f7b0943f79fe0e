//! Asking trusted setup nodes for a route.

use std::{collections::VecDeque, pin::pin, sync::Arc, time::Instant};

use byway_base::{
    Code, OverlayAddress, Problem, PublicKey, RouteId, SecretKey,
    limits::{ROUTE_REQUEST_TTL, SETUP_MESSAGE_MAX, SETUP_PATIENCE, SETUP_TIMEOUT},
};
use byway_clock::unix_now;
use byway_messaging_client::{ALPN_SETUP, MessagingClient};
use byway_routing::RouteKey;
use byway_wire::{
    Hop, RouteRequest,
    route_request::path_digest,
    setup::{Reply, SourceMessage, decode_message, encode_message},
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use parking_lot::Mutex;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::{Obedience, health::Health};
use crate::{exchange, group::Group};

const WHAT: &str = "cannot set up the route";

/// What route is wanted.
pub(crate) struct RouteWanted<'a> {
    /// This node's end.
    pub(crate) source: OverlayAddress,
    pub(crate) destination: OverlayAddress,
    /// At least one.
    pub(crate) hops: &'a [Hop],
    /// Whose route it becomes.
    pub(crate) group: &'a Arc<Group>,
}

/// The setup nodes that this node asks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SetupNodes {
    messaging: MessagingClient,
    secret: SecretKey,
    obedience: Arc<Obedience>,
    health: Arc<Mutex<Health>>,
}

/// Why a setup node brought no route.
enum Failed {
    /// Another one, or the same one again, may do better: nothing was answered, or nothing about the route itself.
    ThisOne(Problem),
    /// No setup node would do better.
    Route(Problem),
}

/// A route that is awaited; given up on drop unless it was kept.
struct Awaited<'a> {
    obedience: &'a Obedience,
    route: RouteId,
    kept: bool,
}

impl SetupNodes {
    pub(crate) fn new(
        messaging: MessagingClient,
        secret: SecretKey,
        obedience: Arc<Obedience>,
        trusted: &[PublicKey],
    ) -> Self {
        Self { messaging, secret, obedience, health: Arc::new(Mutex::new(Health::new(trusted))) }
    }

    /// Has a route installed on every node of the path, this one included.
    ///
    /// The setup node that answers best is asked first; the next one when it fails, or when it has not answered for
    /// [`SETUP_PATIENCE`], and then the first that succeeds wins. Each is asked for a route of an id of its own, so that
    /// no two of them ever work on the same one; what the slower ones install is never used and lapses with its lease.
    ///
    /// # Errors
    /// Why the route cannot be installed, or [`Code::SetupUnreachable`] if no setup node answered.
    ///
    /// # Cancel safety
    /// Dropping the future gives the route up; nothing stays installed here.
    pub(crate) async fn establish(&self, wanted: &RouteWanted<'_>) -> Result<(RouteId, RouteKey), Problem> {
        let silent = || {
            let why = format!("no setup node answered within {SETUP_TIMEOUT:?}");
            Problem::new(Code::SetupUnreachable, WHAT, why)
        };
        timeout(SETUP_TIMEOUT, self.first_success(wanted)).await.unwrap_or_else(|_| Err(silent()))
    }

    async fn first_success(&self, wanted: &RouteWanted<'_>) -> Result<(RouteId, RouteKey), Problem> {
        let mut candidates = VecDeque::from(self.health.lock().ranking());
        if let Some(first) = candidates.front() {
            self.look_at_others(*first);
        }
        let mut last = Problem::new(Code::SetupUnreachable, WHAT, "`trusted_setup_nodes` is empty");
        let mut under_way = FuturesUnordered::new();
        let mut may_repeat = true;
        while let Some(node) = candidates.pop_front() {
            under_way.push(async move { (node, self.attempt(node, wanted).await) });
            let mut patience = pin!(sleep(SETUP_PATIENCE));
            // Until another candidate is wanted, or there is nobody to wait for.
            while !under_way.is_empty() {
                let (node, result) = tokio::select! {
                    Some(ended) = under_way.next() => ended,
                    () = &mut patience, if !candidates.is_empty() => {
                        self.health.lock().failed(node);
                        break;
                    }
                };
                match result {
                    Ok(installed) => return Ok(installed),
                    Err(Failed::Route(problem)) => return Err(problem),
                    Err(Failed::ThisOne(problem)) => {
                        debug!(setup_node = %node.short(), %problem, "asking another setup node");
                        // A label that was taken will hardly be so twice.
                        if problem.code == Code::Conflict && std::mem::take(&mut may_repeat) {
                            candidates.push_front(node);
                        }
                        last = problem;
                        if !candidates.is_empty() {
                            break;
                        }
                    }
                }
            }
        }
        Err(last)
    }

    /// Asks one setup node for a route of a new id, and installs this node's own rule when all others are there.
    async fn attempt(
        &self,
        node: PublicKey,
        wanted: &RouteWanted<'_>,
    ) -> Result<(RouteId, RouteKey), Failed> {
        let here = |failure: byway_wire::setup::Failure| {
            Failed::Route(Problem::new(failure.code, WHAT, failure.why))
        };
        let route = RouteId::from_bytes(rand::random());
        let first = wanted
            .hops
            .first()
            .ok_or_else(|| Failed::Route(Problem::new(Code::BadPath, WHAT, "the path has no hop")))?;
        let label_in = self.obedience.ask(node, route, first.transport).map_err(here)?;
        let mut awaited = Awaited { obedience: &self.obedience, route, kept: false };
        let request = RouteRequest {
            route,
            source: wanted.source,
            destination: wanted.destination,
            path: path_digest(wanted.hops),
            expires: unix_now().plus(ROUTE_REQUEST_TTL),
        };
        let request = request.sign(&self.secret);
        let message = SourceMessage::Establish { request, hops: wanted.hops.to_vec(), label_in };
        let answer = self.exchange(node, &message).await;
        let reply = answer.map_err(|why| {
            self.health.lock().failed(node);
            let why = format!("{}: {why}", node.short());
            Failed::ThisOne(Problem::new(Code::SetupUnreachable, WHAT, why))
        })?;
        self.health.lock().answered(node);
        match reply {
            Reply::Established { label_out } => {
                let key = self.obedience.established(node, route, label_out, wanted.group).map_err(here)?;
                awaited.kept = true;
                Ok((route, key))
            }
            Reply::Failed { failure } => {
                let problem = Problem::new(failure.code, WHAT, failure.why);
                match failure.code {
                    Code::NotReady | Code::UntrustedSetup | Code::Conflict => Err(Failed::ThisOne(problem)),
                    _ => Err(Failed::Route(problem)),
                }
            }
            Reply::Done {} | Reply::Held { .. } => {
                let why = format!("{} gave another answer than asked for", node.short());
                Err(Failed::ThisOne(Problem::new(Code::Protocol, WHAT, why)))
            }
        }
    }

    /// Finds out in the background how setup nodes do that are not asked at the moment, so that the next request goes to
    /// the best one, and one that failed is asked again only when it is back.
    fn look_at_others(&self, asked: PublicKey) {
        for node in self.health.lock().due(Instant::now(), asked) {
            let nodes = self.clone();
            tokio::spawn(async move {
                let answered = timeout(SETUP_TIMEOUT, nodes.look(node)).await;
                if !matches!(answered, Ok(Ok(()))) {
                    nodes.health.lock().failed(node);
                }
            });
        }
    }

    async fn look(&self, node: PublicKey) -> Result<(), String> {
        // Opening a connection is no part of how far it is.
        let connected = self.messaging.connect(node, ALPN_SETUP).await;
        connected.map_err(|error| error.to_string())?;
        let asked = Instant::now();
        match self.exchange(node, &SourceMessage::Ping {}).await? {
            Reply::Done {} => {
                self.health.lock().looked(node, asked.elapsed());
                Ok(())
            }
            other => Err(format!("it answered {other:?}")),
        }
    }

    async fn exchange(&self, node: PublicKey, message: &SourceMessage) -> Result<Reply, String> {
        let bytes = encode_message(message);
        let answer = exchange::ask(&self.messaging, node, ALPN_SETUP, &bytes, SETUP_MESSAGE_MAX).await;
        decode_message(&answer.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.obedience.abandon(self.route);
        }
    }
}
