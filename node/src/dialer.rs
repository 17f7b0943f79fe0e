//! From an overlay address to a stream: path, route, session, spare.

mod better;
mod establish;
mod happened;
mod keep;
mod looks;
mod trial;

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use byway_base::{
    Code, OverlayAddress, Policy, Problem, RouteId, SecretKey, TransportId, limits::DIAL_TIMEOUT,
};
use byway_net::Identity;
use parking_lot::Mutex;
use tokio::{sync::Mutex as AsyncMutex, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    datagrams::Datagrams, dataplane::Dataplane, events::Events, groups::Groups, paths::Paths,
    session::Session, setup::SetupNodes, stream::OverlayStream, transports::Transports,
};

pub(crate) use better::is_relayed;
use establish::Established;
pub use establish::{HopInfo, RouteInfo};
pub(crate) use trial::Trial;

/// How a dial chooses its paths. The default takes the best path, with a spare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct PathChoice {
    /// The session begins over exactly these transports, in order.
    exact: Option<Vec<TransportId>>,
    /// What other paths must be, as the policy's text, so that equal policies share a session. Without it, an exact path
    /// has no spare and is not replaced by another path.
    policy: Option<String>,
}

impl PathChoice {
    /// The best paths that a policy allows.
    #[must_use]
    pub fn by_policy(policy: &Policy) -> Self {
        Self { exact: None, policy: Some(policy.to_string()) }
    }

    /// Exactly this path and no other.
    #[must_use]
    pub fn exactly(transports: Vec<TransportId>) -> Self {
        Self { exact: Some(transports), policy: None }
    }

    /// This path first; spares and replacements by policy.
    #[must_use]
    pub fn first(transports: Vec<TransportId>, policy: &Policy) -> Self {
        Self { exact: Some(transports), policy: Some(policy.to_string()) }
    }

    /// How many routes carry the session at once.
    fn routes_active(&self) -> usize {
        self.policy().ok().flatten().map_or(1, |policy| policy.routes_active())
    }

    /// How many routes the session should have, spares included.
    fn routes_wanted(&self) -> usize {
        self.policy().ok().flatten().map_or(1, |policy| policy.routes_wanted())
    }

    /// Whether the session may leave a path that works for a better one. A path that a user chose is left when it breaks.
    const fn may_move(&self) -> bool {
        self.exact.is_none()
    }

    /// What paths other than an exact one must be; none if there are to be none.
    fn policy(&self) -> Result<Option<Policy>, Problem> {
        match (&self.exact, &self.policy) {
            (Some(_), None) => Ok(None),
            (None, None) => Ok(Some(Policy::default())),
            (_, Some(text)) => {
                let policy = text
                    .parse()
                    .map_err(|error| Problem::new(Code::BadPolicy, "cannot read the policy", error))?;
                Ok(Some(policy))
            }
        }
    }
}

/// Opens streams to apps elsewhere. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Dialer {
    inner: Arc<Inner>,
}

/// What a dialer works with.
pub(crate) struct Parts {
    pub(crate) secret: SecretKey,
    pub(crate) identity: Identity,
    pub(crate) dataplane: Arc<Dataplane>,
    pub(crate) transports: Transports,
    pub(crate) groups: Groups,
    pub(crate) paths: Paths,
    pub(crate) setup_nodes: SetupNodes,
    pub(crate) events: Events,
    pub(crate) stop: CancellationToken,
}

type SessionKey = (OverlayAddress, PathChoice);
type SessionSlot = Arc<AsyncMutex<Option<Arc<Kept>>>>;

struct Inner {
    parts: Parts,
    /// One slot per destination and choice: dials of the same wait for each other and share the session.
    sessions: Mutex<BTreeMap<SessionKey, SessionSlot>>,
    tasks: TaskTracker,
}

/// A session and what its routes are.
pub(crate) struct Kept {
    pub(crate) session: Session,
    pub(crate) choice: PathChoice,
    /// The routes installed for it, by id. Those that ended are taken out.
    routes: Mutex<BTreeMap<RouteId, Established>>,
}

impl Dialer {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { inner: Arc::new(Inner { parts, sessions: Mutex::default(), tasks: TaskTracker::new() }) }
    }

    /// Opens a stream to an app, over the session that leads there by that choice of path, or a new one.
    ///
    /// # Errors
    /// Why there is no path, no route, no session or no app; nothing stays behind.
    pub(crate) async fn dial(
        &self,
        to: OverlayAddress,
        choice: PathChoice,
    ) -> Result<(OverlayStream, Vec<RouteInfo>), Problem> {
        self.open(to, choice, |kept| async move { kept.session.open().await }).await
    }

    /// Opens a channel for datagrams to an app, over the same sessions as streams.
    ///
    /// # Errors
    /// As [`Self::dial`].
    pub(crate) async fn dial_datagrams(
        &self,
        to: OverlayAddress,
        choice: PathChoice,
    ) -> Result<(Datagrams, Vec<RouteInfo>), Problem> {
        self.open(to, choice, |kept| async move { kept.session.open_datagrams().await }).await
    }

    async fn open<T, Opening: Future<Output = Result<T, Problem>>>(
        &self,
        to: OverlayAddress,
        choice: PathChoice,
        open: impl FnOnce(Arc<Kept>) -> Opening,
    ) -> Result<(T, Vec<RouteInfo>), Problem> {
        let what = || format!("cannot dial {}:{}", to.key.short(), to.port);
        let dial = async {
            let kept = self.session(to, choice).await?;
            let opened = open(kept.clone()).await?;
            Ok((opened, kept.routes()))
        };
        let result = timeout(DIAL_TIMEOUT, dial).await;
        let result = result.map_err(|_| {
            Problem::new(Code::Timeout, what(), format!("no session within {DIAL_TIMEOUT:?}"))
        })?;
        result.map_err(|problem: Problem| problem.while_doing(what()))
    }

    async fn session(&self, to: OverlayAddress, choice: PathChoice) -> Result<Arc<Kept>, Problem> {
        if to.key == self.inner.parts.secret.public() {
            let why = "the address is this node's own";
            return Err(Problem::new(Code::BadAddress, "cannot begin a session", why));
        }
        let key = (to, choice);
        let slot = self.inner.sessions.lock().entry(key.clone()).or_default().clone();
        let mut place = slot.lock().await;
        if let Some(kept) = place.as_ref().filter(|kept| kept.session.is_alive()) {
            return Ok(kept.clone());
        }
        let result = self.begin(to, key.1.clone()).await;
        match &result {
            Ok(kept) => *place = Some(kept.clone()),
            Err(_) => {
                self.inner.sessions.lock().remove(&key);
            }
        }
        result
    }

    /// The sessions that live, with their routes.
    pub(crate) fn sessions(&self) -> Vec<Arc<Kept>> {
        let slots: Vec<SessionSlot> = self.inner.sessions.lock().values().cloned().collect();
        slots
            .iter()
            .filter_map(|slot| slot.try_lock().ok()?.clone())
            .filter(|kept| kept.session.is_alive())
            .collect()
    }

    fn forget(&self, kept: &Kept) {
        self.inner.sessions.lock().remove(&(kept.session.to, kept.choice.clone()));
        self.inner.parts.groups.end_outbound(kept.session.port);
    }

    /// Ends all sessions; peers are told.
    pub(crate) async fn finish(&self) {
        for kept in self.sessions() {
            kept.session.close().await;
        }
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.inner)
    }
}
