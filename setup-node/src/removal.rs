//! Takes an established route out of every node of its path.

use byway_base::{Code, Problem, PublicKey, RouteId, limits::SETUP_STEP_TIMEOUT};
use byway_wire::setup::{NodeMessage, Reply};
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::{NodeCaller, setups::Setups};

/// How often a node is asked.
const ATTEMPTS: usize = 2;

/// Undoes the route at all nodes in parallel, each asked twice if need be.
///
/// # Errors
/// [`Code::NotFound`] if the route is not installed; [`Code::PeerUnreachable`] naming the nodes that did not answer.
/// The route is then still listed and can be removed again; what the others removed stays removed.
pub(crate) async fn remove<C: NodeCaller>(setups: &Setups<C>, id: RouteId) -> Result<(), Problem> {
    let what = || format!("cannot remove the route {id}");
    let Some(route) = setups.routes().begin_removal(id) else {
        return Err(Problem::new(
            Code::NotFound,
            what(),
            "this setup node knows no installed route of this id",
        ));
    };
    let undone = join_all(route.nodes().map(|node| undo(setups.caller(), node, id))).await;
    let deaf: Vec<_> = route.nodes().zip(undone).filter(|(_, undone)| !undone).collect();
    if !deaf.is_empty() {
        setups.routes().keep(id);
        let names: Vec<_> = deaf.iter().map(|(node, _)| node.short()).collect();
        let why = format!("{} did not confirm it", names.join(", "));
        let hint = "try again; without packets the nodes drop the route by themselves";
        return Err(Problem::new(Code::PeerUnreachable, what(), why).with_hint(hint));
    }
    setups.stats().removed();
    setups.recorded(setups.routes().removed(id).await);
    Ok(())
}

async fn undo(caller: &impl NodeCaller, node: PublicKey, route: RouteId) -> bool {
    for _ in 0..ATTEMPTS {
        let call = caller.call(node, NodeMessage::Undo { route });
        if let Ok(Ok(Reply::Done {})) = timeout(SETUP_STEP_TIMEOUT, call).await {
            return true;
        }
    }
    false
}
