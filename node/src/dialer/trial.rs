//! A route without a session, to be looked at and given up.

use std::sync::Arc;

use byway_base::{Code, OverlayAddress, Port, Problem, RouteId};
use byway_routing::RouteKey;

use super::{Dialer, HopInfo, PathChoice, establish::is_worth_another_path};
use crate::{group::Group, groups::Groups};

/// A route that no session uses. Ends when dropped.
pub(crate) struct Trial {
    pub(crate) route: RouteId,
    pub(crate) key: RouteKey,
    pub(crate) hops: Vec<HopInfo>,
    _group: TrialGroup,
}

/// The group that holds the route.
struct TrialGroup {
    groups: Groups,
    group: Arc<Group>,
    port: Port,
}

impl Drop for TrialGroup {
    fn drop(&mut self) {
        self.group.close();
        self.groups.end_outbound(self.port);
    }
}

impl Dialer {
    /// Has a route installed as a dial would, and stops there: no session is begun over it.
    ///
    /// # Errors
    /// Why there is no path or no route; nothing stays behind.
    pub(crate) async fn try_route(&self, to: OverlayAddress, choice: &PathChoice) -> Result<Trial, Problem> {
        let parts = &self.inner.parts;
        if to.key == parts.secret.public() {
            return Err(Problem::new(
                Code::BadAddress,
                "cannot set up a route",
                "the address is this node's own",
            ));
        }
        let paths = self.first_paths(to.key, choice).await?;
        let Some((port, group)) = parts.groups.begin(1) else {
            let why = "the node has as many route groups as it may";
            return Err(Problem::new(Code::Limit, "cannot set up a route", why));
        };
        let begun = TrialGroup { groups: parts.groups.clone(), group, port };
        let mut last = Problem::new(Code::NoPath, "cannot set up a route", "the route finder named no path");
        for path in &paths {
            match self.install(to, port, &begun.group, path).await {
                Ok((route, established)) => {
                    let gone = || Problem::new(Code::RouteLost, "cannot use the route", "it is gone already");
                    let key = parts.dataplane.key_of(&route).ok_or_else(gone)?;
                    return Ok(Trial { route, key, hops: established.hops, _group: begun });
                }
                Err(problem) => {
                    let again = is_worth_another_path(problem.code);
                    last = problem;
                    if !again {
                        break;
                    }
                }
            }
        }
        Err(last)
    }
}
