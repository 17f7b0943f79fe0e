//! Direct ways to peers that are reached through messaging: past NATs, and to addresses that nobody publishes.
//!
//! | file | does |
//! |---|---|
//! | `addresses`, `router`, `mapped` | addresses of this machine; a port that the router forwards |
//! | `reach` | what is known of how peers can reach this node: those, and what messaging servers see (STUN) |
//! | `socket` | the one task that sends and takes STUN on the node's UDP socket |
//! | `turns` | which attempts are under way, and what the last ones came to |
//! | `signal` | offer and answer, through messaging |
//! | `upgrade` | with whom to attempt, and when |
//!
//! The rules of the game are the core's, `byway_traversal`.

mod addresses;
mod mapped;
mod reach;
mod router;
mod signal;
mod socket;
mod turns;
mod upgrade;

use std::{net::SocketAddr, num::NonZeroU16, sync::Arc, time::Instant};

use byway_base::{Code, Problem, PublicKey, limits::TRAVERSAL_TIMEOUT};
use byway_messaging_client::{ALPN_PUNCH, ConnectError, MessagingClient, UnknownAlpn};
use byway_transports::Udp;
use byway_traversal::{Attempt, Failure, Role};
use byway_wire::punch::Refusal;
use tokio::{sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info};

use crate::{config::Config, exchange::Unanswered, transports::Transports};

pub(crate) use mapped::Mapped;
pub(crate) use reach::Reach;
pub(crate) use turns::Tried;
pub(crate) use upgrade::neighbours;

use reach::{Keeper, Place, Reaches};
use socket::Socket;
use turns::{NoTurn, Turn, Turns};

/// Finds direct ways to peers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Traversal {
    inner: Arc<Inner>,
}

struct Inner {
    own: PublicKey,
    messaging: MessagingClient,
    socket: Socket,
    reaches: Reaches,
    turns: Turns,
}

/// Why there is no direct way to a peer. Shown to users as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Blocked {
    /// As many attempts are under way as may be, or this peer's own goes first.
    #[error("another attempt goes first")]
    Later,
    /// The peer cannot be asked.
    #[error("the peer cannot be asked through messaging: {0}")]
    Unasked(Unanswered),
    /// The peer takes no offers.
    #[error("the peer looks for no direct ways")]
    NotSpoken,
    /// The peer refused.
    #[error("{}", refusal(*.0))]
    Refused(Refusal),
    /// The peer broke the protocol.
    #[error("the peer's answer cannot be read: {0}")]
    Protocol(byway_wire::DecodeError),
    /// No way was found.
    #[error("{0}")]
    Failed(Failure),
    /// It took too long.
    #[error("the attempt was not over within {TRAVERSAL_TIMEOUT:?}")]
    Timeout,
    /// The UDP socket is gone.
    #[error("the node's UDP socket is closed")]
    Closed,
}

impl Blocked {
    /// The stable code.
    pub(crate) fn problem(&self, what: String) -> Problem {
        let code = match self {
            Self::Later => Code::Limit,
            Self::Timeout => Code::Timeout,
            Self::Protocol(_) => Code::Protocol,
            Self::Unasked(_) | Self::NotSpoken | Self::Refused(_) | Self::Failed(_) | Self::Closed => {
                Code::PeerUnreachable
            }
        };
        Problem::new(code, what, self)
            .with_hint("open a messaging transport instead, or publish an address with `quic_listen`")
    }
}

fn refusal(why: Refusal) -> &'static str {
    match why {
        Refusal::Off => "the peer looks for no direct ways",
        Refusal::Busy => "the peer makes other attempts at the moment",
        Refusal::Unwanted => "the peer neither has nor wants a transport with this node",
    }
}

impl From<NoTurn> for Blocked {
    fn from(_: NoTurn) -> Self {
        Self::Later
    }
}

impl From<Unanswered> for Blocked {
    fn from(error: Unanswered) -> Self {
        match error {
            Unanswered::Connect(ConnectError::Refused(_)) => Self::NotSpoken,
            error => Self::Unasked(error),
        }
    }
}

impl Traversal {
    /// Begins to learn how this node can be reached. None if its user wants none of it, or the socket's side channel is
    /// taken.
    pub(crate) fn start(
        config: &Config,
        udp: &Udp,
        messaging: &MessagingClient,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Option<Self> {
        let receiver = udp.side_channel.receiver().filter(|_| config.traversal.enabled)?;
        let spawn = |stop: CancellationToken, task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
            tasks.spawn(async move {
                stop.run_until_cancelled(task).await;
            });
        };
        let (socket, task) = Socket::new(udp.side_channel.clone(), receiver);
        spawn(stop.clone(), Box::pin(task));
        let wanted = config.traversal.port_mapping;
        let mapped = watch::Sender::new(if wanted { Mapped::Unneeded } else { Mapped::Off });
        let place = Place { bound: udp.local, public: config.quic_public_address };
        let (keeper, reaches) = Keeper::new(place, socket.clone(), messaging.clone(), mapped.subscribe());
        spawn(stop.clone(), Box::pin(keeper.run()));
        if let Some(port) = NonZeroU16::new(udp.local.port()).filter(|_| wanted) {
            // It gives the port back before it ends.
            tasks.spawn(mapped::keep(port, reaches.watch(), mapped, stop.clone()));
        }
        let (own, messaging) = (messaging.key(), messaging.clone());
        let inner = Inner { own, messaging, socket, reaches, turns: Turns::default() };
        Some(Self { inner: Arc::new(inner) })
    }

    /// Takes peers' offers, and makes offers of its own to peers with `messaging` transports. Until dropped.
    ///
    /// # Errors
    /// If the messaging client was not started for it.
    pub(crate) fn serve(
        &self,
        transports: &Transports,
        wanted: Vec<PublicKey>,
    ) -> Result<impl Future<Output = ()> + Send + 'static, UnknownAlpn> {
        let incoming = self.inner.messaging.accept(ALPN_PUNCH)?;
        let answers = signal::serve(self.clone(), incoming, signal::Known::new(transports.clone(), wanted));
        let upgrades = upgrade::run(self.clone(), transports.clone());
        Ok(async move {
            tokio::join!(answers, upgrades);
        })
    }

    /// How this node can be reached.
    pub(crate) fn reach(&self) -> Reach {
        self.inner.reaches.now()
    }

    /// What the last attempt with a peer came to.
    pub(crate) fn tried(&self, peer: &PublicKey) -> Option<Tried> {
        self.inner.turns.last(peer)
    }

    /// Whether the last attempt with a peer failed so lately that another would most likely come to the same.
    pub(crate) fn rests(&self, peer: &PublicKey) -> bool {
        self.tried(peer).is_some_and(|tried| tried.rests(self.reach().epoch, Instant::now()))
    }

    /// Finds the address at which a peer's UDP socket answers this node's, together with the peer.
    ///
    /// # Errors
    /// [`Blocked`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the attempt.
    pub(crate) async fn find_way(&self, peer: PublicKey) -> Result<SocketAddr, Blocked> {
        let turn = self.inner.turns.initiate(peer)?;
        let attempt = async {
            let own = self.inner.reaches.fresh().await.offer();
            let (answer, secret) = signal::offer(&self.inner.messaging, peer, &own).await?;
            let (seed, now) = (rand::random(), self.inner.socket.now());
            self.carry_out(Attempt::new(&own, &answer, &secret, Role::Initiator, seed, now)).await
        };
        self.in_turn(&turn, peer, attempt).await
    }

    /// A way was found, and no transport came about over it.
    pub(crate) fn unusable(&self, peer: PublicKey, way: SocketAddr, problem: &Problem) {
        let why = format!("{way} answers, but QUIC does not: {}", problem.why);
        self.inner.turns.tried(peer, Some(why), self.reach().epoch);
    }

    async fn carry_out(&self, attempt: Attempt) -> Result<SocketAddr, Blocked> {
        let outcome = self.inner.socket.attempt(attempt).await;
        outcome.ok_or(Blocked::Closed)?.map_err(Blocked::Failed)
    }

    /// Carries an attempt out within its time, unless another one goes first, and writes down what came of it.
    async fn in_turn(
        &self,
        turn: &Turn,
        peer: PublicKey,
        attempt: impl Future<Output = Result<SocketAddr, Blocked>>,
    ) -> Result<SocketAddr, Blocked> {
        let result = tokio::select! {
            result = timeout(TRAVERSAL_TIMEOUT, attempt) => result.unwrap_or(Err(Blocked::Timeout)),
            () = turn.cancelled.cancelled() => return Err(Blocked::Later),
        };
        match &result {
            Ok(address) => info!(peer = %peer.short(), %address, "direct way found"),
            Err(Blocked::Later) => return result,
            Err(why) => debug!(peer = %peer.short(), %why, "no direct way"),
        }
        self.inner.turns.tried(peer, result.as_ref().err().map(ToString::to_string), self.reach().epoch);
        result
    }
}

/// Waits until then; for ever, if there is nothing to wait for. Cancel safe.
async fn until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
