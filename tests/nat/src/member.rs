//! A node behind a router.

use std::{path::PathBuf, process::Command};

use byway_api::local::{DialRequest, ListLocalTransports, ListRoutes, LocalTransport, RouteView};
use byway_app_sdk::{LocalNode, Stream};
use byway_base::{Port, PublicKey};
use byway_netns::Home;
use byway_testkit::{Process, wait::until};
use serde_json::Value;

use crate::PATIENCE;

/// A running node and its home. Dropping it ends the node.
pub struct Member {
    home: Home,
    process: Process,
    byway: PathBuf,
}

impl Member {
    pub(crate) fn new(home: Home, process: Process, byway: PathBuf) -> Self {
        Self { home, process, byway }
    }

    /// Where it is.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The node's key.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.process.key()
    }

    /// The node's local API.
    #[must_use]
    pub fn node(&self) -> LocalNode {
        LocalNode::at(self.process.address("socket"))
    }

    /// The last lines that it logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// What a command of `byway` prints of this node as JSON. `status` of a node that lacks something counts too.
    ///
    /// # Errors
    /// What it said instead.
    pub fn ask(&self, words: &[&str]) -> Result<Value, String> {
        let mut command = Command::new(&self.byway);
        command.args(["--socket", self.process.address("socket"), "--output", "json"]).args(words);
        let output = command.output().map_err(|error| error.to_string())?;
        serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{error}: {}{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }

    /// Why there is no direct transport to a peer, as the node tells its user.
    ///
    /// # Errors
    /// If it tells nothing.
    pub fn why_relayed(&self, to: &Self) -> Result<String, String> {
        let (status, peer) = (self.ask(&["status"])?, to.key().to_string());
        let relayed = status["relayed"].as_array().into_iter().flatten();
        let why = relayed.filter(|view| view["peer"] == peer).find_map(|view| view["why"].as_str());
        why.map(str::to_owned)
            .ok_or_else(|| format!("{} {}\n{}", status["reachability"], status["relayed"], self.log()))
    }

    /// The transports to a peer that are up.
    ///
    /// # Errors
    /// If the node does not answer.
    pub async fn transports(&self, peer: PublicKey) -> Result<Vec<LocalTransport>, String> {
        let listed = self.node().call::<ListLocalTransports>((), (), ()).await;
        let listed = listed.map_err(|problem| problem.to_string())?;
        Ok(listed.items.into_iter().filter(|transport| transport.peer == peer).collect())
    }

    /// Waits for a transport of a type to a peer.
    pub async fn connected(&self, kind: &str, to: &Self) -> LocalTransport {
        let look = async || {
            let up = self.transports(to.key()).await?;
            let kinds: Vec<_> = up.iter().map(|transport| transport.kind.to_string()).collect();
            let found = up.into_iter().find(|transport| transport.kind.as_str() == kind);
            found.ok_or_else(|| format!("there are {kinds:?}\n{}\n{}", self.log(), to.log()))
        };
        until(&format!("transport of the type {kind}"), PATIENCE, look).await
    }

    /// The route that carries the sessions to a peer.
    ///
    /// # Errors
    /// If there is none.
    pub async fn route(&self, to: PublicKey) -> Result<RouteView, String> {
        let routes =
            self.node().call::<ListRoutes>((), (), ()).await.map_err(|problem| problem.to_string())?;
        let sessions = routes.sessions.into_iter().filter(|session| session.to.key == to);
        let active = sessions.flat_map(|session| session.routes).find(|route| route.active);
        active.ok_or_else(|| "no route is active".to_owned())
    }

    /// Waits until the route that carries the sessions to a peer has hops of these types.
    pub async fn routed_over(&self, kinds: &[&str], to: &Self) {
        let look = async || {
            let route = self.route(to.key()).await?;
            let found: Vec<_> = route.hops.iter().map(|hop| hop.kind.to_string()).collect();
            if found == kinds { Ok(()) } else { Err(format!("it goes over {found:?}\n{}", self.log())) }
        };
        until(&format!("route over {kinds:?}"), PATIENCE, look).await;
    }

    /// Dials an app, again and again until it works.
    pub async fn dial(&self, to: &Self, port: Port, policy: Option<&str>) -> Stream {
        let look = async || {
            let policy = policy.map(str::to_owned);
            let request = DialRequest { peer: to.key().to_string(), port, policy, path: None };
            let dialled = self.node().dial(request).await;
            dialled.map(|(stream, _)| stream).map_err(|problem| format!("{problem}\n{}", self.log()))
        };
        until("stream", PATIENCE, look).await
    }
}
