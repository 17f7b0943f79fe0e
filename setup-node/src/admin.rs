//! The administrator's view: what routes there are, and their removal.

use byway_api::{
    Page, page_limit,
    setup_node::{
        DeleteRoute, GetRoute, GetSetupStats, InspectRoute, ListRoutes, RouteNodes, RouteView, RoutesQuery,
        SetupStats,
    },
};
use byway_base::{Code, Problem, PublicKey, RouteId};
use byway_clock::unix_now;
use byway_http::server::{Call, Handle};

use crate::{NodeCaller, audit::inspect, removal::remove, routes::Filter, setups::Setups};

/// Answers administrators.
pub(crate) struct Api<C> {
    setups: Setups<C>,
    administrators: Vec<PublicKey>,
}

impl<C> Api<C> {
    pub(crate) fn new(setups: Setups<C>, administrators: Vec<PublicKey>) -> Self {
        Self { setups, administrators }
    }

    fn check(&self, caller: PublicKey) -> Result<(), Problem> {
        if self.administrators.contains(&caller) {
            return Ok(());
        }
        let why = format!("{} is not among the setup node's `administrators`", caller.short());
        Err(Problem::new(Code::Denied, "cannot look at or change routes", why))
    }
}

impl<C: NodeCaller> Handle<ListRoutes> for Api<C> {
    async fn handle(&self, call: Call<ListRoutes>) -> Result<Page<RouteView>, Problem> {
        self.check(call.caller)?;
        let RoutesQuery { cursor, limit, owner, node, state } = call.query;
        let after = match cursor {
            Some(cursor) => Some(cursor.parse::<RouteId>().map_err(|_| {
                Problem::new(Code::Usage, "cannot list routes", "`cursor` is not from a former page's `next`")
            })?),
            None => None,
        };
        let filter = Filter { owner, node, state };
        let (items, more) = self.setups.routes().list(filter, after, page_limit(limit), unix_now());
        let next = items.last().filter(|_| more).map(|view| view.id.to_string());
        Ok(Page { items, next })
    }
}

impl<C: NodeCaller> Handle<GetRoute> for Api<C> {
    async fn handle(&self, call: Call<GetRoute>) -> Result<RouteView, Problem> {
        self.check(call.caller)?;
        self.setups.routes().get(call.path.id, unix_now()).ok_or_else(|| unknown(call.path.id))
    }
}

impl<C: NodeCaller> Handle<InspectRoute> for Api<C> {
    async fn handle(&self, call: Call<InspectRoute>) -> Result<RouteNodes, Problem> {
        self.check(call.caller)?;
        let route = self.setups.routes().installed_route(call.path.id);
        let route = route.ok_or_else(|| unknown(call.path.id))?;
        Ok(RouteNodes { nodes: inspect(&self.setups, &route).await })
    }
}

fn unknown(id: RouteId) -> Problem {
    let what = format!("cannot show the route {id}");
    Problem::new(Code::NotFound, what, "this setup node knows no route of this id")
}

impl<C: NodeCaller> Handle<DeleteRoute> for Api<C> {
    async fn handle(&self, call: Call<DeleteRoute>) -> Result<(), Problem> {
        self.check(call.caller)?;
        tracing::info!(route = %call.path.id, by = %call.caller.short(), "an administrator removes a route");
        remove(&self.setups, call.path.id).await
    }
}

impl<C: NodeCaller> Handle<GetSetupStats> for Api<C> {
    async fn handle(&self, _: Call<GetSetupStats>) -> Result<SetupStats, Problem> {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let [installed, refused, undone, removed, ended] = self.setups.stats().counts();
        Ok(SetupStats {
            routes: count(self.setups.routes().count()),
            under_way: count(self.setups.under_way()),
            installed,
            refused,
            undone,
            removed,
            ended,
        })
    }
}

#[cfg(test)]
mod tests;
