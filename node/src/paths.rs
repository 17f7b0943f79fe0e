//! Path queries: asked of the route finder, answered from the last answer while it is away.

use std::collections::BTreeMap;

use byway_api::{
    Bounded,
    route_finder::{ExplainPath, ExplainRequest, FindPaths, FindReply, FindRequest, PathView},
};
use byway_base::{Code, Policy, Problem, PublicKey, TransportId};
use byway_http::client::Client;
use parking_lot::Mutex;

/// Answers kept for the time when the finder is away.
const REMEMBERED: usize = 1_024;

/// Finds paths from this node.
pub(crate) struct Paths {
    own: PublicKey,
    /// None if the node was told of no finder.
    client: Option<Client>,
    remembered: Mutex<BTreeMap<(PublicKey, String), Vec<PathView>>>,
}

impl Paths {
    pub(crate) fn new(own: PublicKey, client: Option<Client>) -> Self {
        Self { own, client, remembered: Mutex::default() }
    }

    fn client(&self) -> Result<&Client, Problem> {
        self.client.as_ref().ok_or_else(|| {
            Problem::new(Code::NotReady, "cannot ask for paths", "`route_finder` is not configured")
                .with_hint("set `route_finder` in the node's configuration")
        })
    }

    /// Up to `k` paths, best first. A fresh answer is preferred; while the finder is away, the last one serves.
    ///
    /// # Errors
    /// [`Code::NoPath`] if there is none, or why the finder did not answer.
    pub(crate) async fn find(
        &self,
        to: PublicKey,
        policy: &Policy,
        k: usize,
    ) -> Result<Vec<PathView>, Problem> {
        let key = (to, policy.to_string());
        match self.ask(to, policy, k, false).await {
            Ok(reply) => {
                let mut remembered = self.remembered.lock();
                if remembered.len() >= REMEMBERED {
                    remembered.pop_first();
                }
                remembered.insert(key, reply.paths.clone());
                Ok(reply.paths)
            }
            Err(problem) if problem.code == Code::NoPath => Err(problem),
            Err(problem) => self.remembered.lock().get(&key).cloned().ok_or(problem),
        }
    }

    /// The path over exactly these transports.
    ///
    /// # Errors
    /// [`Code::BadPath`] if they do not lead there or one is not up, or why the finder did not answer.
    pub(crate) async fn exact(&self, to: PublicKey, transports: &[TransportId]) -> Result<PathView, Problem> {
        let what = "cannot use the path";
        let transports = Bounded::try_from(transports.to_vec());
        let transports = transports.map_err(|_| Problem::new(Code::BadPath, what, "it has too many hops"))?;
        let request = ExplainRequest { from: self.own, to, policy: Policy::default(), transports };
        let reply = self.client()?.call::<ExplainPath>((), (), request).await?;
        let why = reply.reasons.join("; ");
        reply.path.filter(|_| reply.allowed).ok_or_else(|| Problem::new(Code::BadPath, what, why))
    }

    /// A fresh answer, with the reasons why other paths lost if asked.
    ///
    /// # Errors
    /// [`Code::NoPath`] if there is none, or why the finder did not answer.
    pub(crate) async fn ask(
        &self,
        to: PublicKey,
        policy: &Policy,
        k: usize,
        why_not: bool,
    ) -> Result<FindReply, Problem> {
        let k = u8::try_from(k).ok();
        let request = FindRequest { from: self.own, to, policy: policy.clone(), k, why_not };
        self.client()?.call::<FindPaths>((), (), request).await
    }
}
