//! Route requests by hand, as fast as a setup node answers them: no path query before, no session after.

use std::{sync::Arc, time::Instant};

use anyhow::{Result, ensure};
use byway_base::{
    OverlayAddress, Port, PublicKey, RouteId, RoutingId, SecretKey,
    limits::{ROUTE_REQUEST_TTL, SETUP_MESSAGE_MAX},
};
use byway_clock::unix_now;
use byway_messaging_client::ALPN_SETUP;
use byway_node::{ECHO_PORT, Node};
use byway_wire::{
    Hop, RouteRequest,
    route_request::path_digest,
    setup::{Reply, SourceMessage, decode_message, encode_message},
};
use quinn::Connection;
use serde::{Deserialize, Serialize};
use tokio::{sync::Semaphore, task::JoinSet};

use super::Answer;

/// What to ask for. The routes are never used, so that they end with their lease.
#[derive(Serialize, Deserialize)]
pub(crate) struct RequestPlan {
    pub(crate) setup_node: PublicKey,
    /// From this node on.
    pub(crate) hops: Vec<Hop>,
    pub(crate) count: u32,
    /// Requests under way.
    pub(crate) at_once: usize,
}

/// Asks for all of them; answers the time of each.
pub(super) async fn ask(node: &Node, secret: &SecretKey, plan: RequestPlan) -> Result<Answer> {
    let connection = node.messaging().connect(plan.setup_node, ALPN_SETUP).await?;
    let (hops, room) = (Arc::new(plan.hops), Arc::new(Semaphore::new(plan.at_once)));
    let mut asking = JoinSet::new();
    let started = Instant::now();
    for _ in 0..plan.count {
        let place = room.clone().acquire_owned().await?;
        let (connection, secret, hops) = (connection.clone(), secret.clone(), hops.clone());
        asking.spawn(async move {
            let asked = Instant::now();
            establish(&connection, &secret, &hops).await?;
            drop(place);
            anyhow::Ok(asked.elapsed().as_secs_f64() * 1e6)
        });
    }
    let mut times_us = Vec::new();
    while let Some(done) = asking.join_next().await {
        times_us.push(done??);
    }
    Ok(Answer { times_us, seconds: started.elapsed().as_secs_f64(), ..Answer::default() })
}

async fn establish(connection: &Connection, secret: &SecretKey, hops: &[Hop]) -> Result<()> {
    let Some(last) = hops.last() else { return Ok(()) };
    let request = RouteRequest {
        route: RouteId::from_bytes(rand::random()),
        source: OverlayAddress { key: secret.public(), port: Port(50_000) },
        destination: OverlayAddress { key: last.to, port: ECHO_PORT },
        path: path_digest(hops),
        expires: unix_now().plus(ROUTE_REQUEST_TTL),
    };
    let (request, label_in) = (request.sign(secret), RoutingId(rand::random::<u32>().max(1)));
    let message = SourceMessage::Establish { request, hops: hops.to_vec(), label_in };
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(&encode_message(&message)).await?;
    send.finish()?;
    let reply: Reply = decode_message(&receive.read_to_end(SETUP_MESSAGE_MAX).await?)?;
    ensure!(matches!(reply, Reply::Established { .. }), "{reply:?}");
    Ok(())
}
