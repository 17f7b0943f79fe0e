//! What happens at the node, line by line.

use std::convert::Infallible;

use byway_api::local::LocalEvent;
use byway_app_sdk::Events;
use byway_base::{Code, OverlayAddress, Problem, PublicKey};

use crate::{context::Context, stop::Stop};

/// Begins to watch if asked to: before the present state is read, so that no change falls between the two.
pub(super) async fn begin(context: &Context, wanted: bool) -> Result<Option<Events>, Problem> {
    if wanted { context.node.events().await.map(Some) } else { Ok(None) }
}

/// Prints the events that `wanted` picks, until the node ends.
pub(super) async fn follow(
    mut events: Events,
    context: &Context,
    wanted: fn(&LocalEvent) -> bool,
) -> Result<Infallible, Stop> {
    while let Some(event) = events.next().await? {
        if wanted(&event) || matches!(event, LocalEvent::Missed { .. }) {
            context.out.line(&event, || describe(&event))?;
        }
    }
    Err(Problem::new(Code::NodeUnreachable, "cannot follow the node's events", "the node has stopped").into())
}

fn describe(event: &LocalEvent) -> String {
    match event {
        LocalEvent::TransportUp { peer, transport_type } => {
            format!("up      {transport_type} {}", peer.short())
        }
        LocalEvent::TransportDown { peer, transport_type, why } => {
            format!("down    {transport_type} {}: {why}", peer.short())
        }
        LocalEvent::RouteSwitched { peer, from, to, why, at } => {
            let from = from.map(|route| format!(" from {}", route.short())).unwrap_or_default();
            let why = why.as_ref().map(|why| because(why, *at)).unwrap_or_default();
            format!("switch  {}{from} to {}{why}", end(peer), to.short())
        }
        LocalEvent::RouteJoined { peer, route } => {
            format!("join    {} over {} too", end(peer), route.short())
        }
        LocalEvent::RouteLeft { peer, route, why, at } => {
            format!("leave   {} no longer over {}{}", end(peer), route.short(), because(why, *at))
        }
        LocalEvent::SpareReady { peer, route } => format!("spare   {} has {}", end(peer), route.short()),
        LocalEvent::SpareLost { peer, route, why, at } => {
            format!("spare   {} lost {}{}", end(peer), route.short(), because(why, *at))
        }
        LocalEvent::RouteLost { peer, why, at } => format!("lost    {}{}", end(peer), because(why, *at)),
        LocalEvent::Missed { count } => {
            format!("missed  {count} events; they came faster than they were read")
        }
    }
}

fn end(peer: &OverlayAddress) -> String {
    format!("{}:{}", peer.key.short(), peer.port)
}

/// Why a route was left, and where it broke.
fn because(why: &str, at: Option<PublicKey>) -> String {
    let at = at.map(|node| format!(" (at {})", node.short())).unwrap_or_default();
    format!(": {why}{at}")
}
