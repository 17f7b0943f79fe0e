//! Keeps a port of the router forwarded while the node is behind one.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU16,
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::{
    addresses,
    reach::Reach,
    router::{Lease, Router},
};

/// A router that refused, or a network without one that can, is asked again after this.
const RETRY: Duration = Duration::from_secs(900);
/// Time for giving the port back when the node stops.
const RELEASE: Duration = Duration::from_secs(2);

/// Whether the router forwards a port to this node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Mapped {
    /// The node is told not to ask.
    Off,
    /// There is no NAT, or none is known.
    #[default]
    Unneeded,
    /// The router was asked.
    Asking,
    /// It does.
    At {
        /// Where others reach this node.
        address: SocketAddr,
        /// How the router was asked.
        protocol: &'static str,
    },
    /// It does not.
    Failed {
        /// Why.
        why: String,
    },
}

impl Mapped {
    /// Where others reach this node.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::At { address, .. } => Some(*address),
            _ => None,
        }
    }
}

/// Runs until `stop`, then gives the port back.
pub(super) async fn keep(
    port: NonZeroU16,
    mut reach: watch::Receiver<Reach>,
    mapped: watch::Sender<Mapped>,
    stop: CancellationToken,
) {
    loop {
        let ip = loop {
            let needed = needed(&reach.borrow_and_update());
            if let Some(ip) = needed {
                break ip;
            }
            mapped.send_replace(Mapped::Unneeded);
            if !matches!(stop.run_until_cancelled(reach.changed()).await, Some(Ok(()))) {
                return;
            }
        };
        mapped.send_replace(Mapped::Asking);
        let Some(answer) = stop.run_until_cancelled(Router::of_machine(ip, port).map()).await else { return };
        match answer {
            Ok(lease) => {
                info!(address = %lease.external(), protocol = lease.protocol(), "router forwards a port");
                let lease = hold(lease, ip, &mut reach, &mapped, &stop).await;
                if let Some(lease) = lease {
                    // A router that is gone does not answer.
                    let _ = timeout(RELEASE, lease.release()).await;
                }
            }
            Err(why) => {
                debug!(why, "no router forwards a port");
                mapped.send_replace(Mapped::Failed { why });
                tokio::select! {
                    () = sleep(RETRY) => {}
                    () = moved(&mut reach, ip) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        if stop.is_cancelled() {
            return;
        }
    }
}

/// Holds a lease while it is of use. Gives it back, unless the router took it away.
async fn hold(
    mut lease: Lease,
    ip: Ipv4Addr,
    reach: &mut watch::Receiver<Reach>,
    mapped: &watch::Sender<Mapped>,
    stop: &CancellationToken,
) -> Option<Lease> {
    loop {
        mapped.send_replace(Mapped::At { address: lease.external(), protocol: lease.protocol() });
        tokio::select! {
            () = stop.cancelled() => return Some(lease),
            () = moved(reach, ip) => return Some(lease),
            () = sleep(lease.renew_in()) => {}
        }
        if let Err(why) = lease.renew().await {
            info!(why, "the router no longer forwards the port");
            return None;
        }
    }
}

/// Waits until this machine needs no forwarding at `ip` any more.
async fn moved(reach: &mut watch::Receiver<Reach>, ip: Ipv4Addr) {
    // The sender lives as long as the node; without it there is nothing to wait for.
    if reach.wait_for(|reach| needed(reach) != Some(ip)).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// This machine's address towards the router, if UDP passes and a NAT is in between.
fn needed(reach: &Reach) -> Option<Ipv4Addr> {
    let seen = reach.survey.iter().flat_map(|survey| &survey.ipv4.reflexive);
    let natted = seen.into_iter().any(|seen| !seen.ip().is_loopback() && !reach.local.contains(seen));
    addresses::behind_router(&reach.local).filter(|_| natted)
}
