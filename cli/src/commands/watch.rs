//! What happens at the node, line by line.

use std::convert::Infallible;

use byway_api::local::LocalEvent;
use byway_app_sdk::Events;
use byway_base::{Code, Problem};

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
        LocalEvent::RouteSwitched { peer, from, to, why } => {
            let from = from.map(|route| format!(" from {}", route.short())).unwrap_or_default();
            let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("switch  {}:{}{from} to {}{why}", peer.key.short(), peer.port, to.short())
        }
        LocalEvent::RouteLost { peer, why } => format!("lost    {}:{}: {why}", peer.key.short(), peer.port),
        LocalEvent::Missed { count } => {
            format!("missed  {count} events; they came faster than they were read")
        }
    }
}
