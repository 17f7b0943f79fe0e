//! The server's own contact record: what it says, kept up to date away from any client's path.

use std::{net::SocketAddr, sync::Arc};

use byway_base::limits::RECORD_RENEW;
use byway_wire::RecordBody;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::relay::Relay;

/// What does not change.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) udp: Vec<SocketAddr>,
    pub(crate) capacity: u32,
    pub(crate) region: String,
}

impl About {
    fn record(&self, relay: &Relay, draining: bool) -> RecordBody {
        RecordBody::Server {
            addresses: self.addresses.clone(),
            udp: self.udp.clone(),
            capacity: self.capacity,
            clients: u32::try_from(relay.load().clients).unwrap_or(u32::MAX),
            region: self.region.clone(),
            draining,
        }
    }
}

/// Says what the record says: the load now and then, draining at once. Runs until nobody reads it.
pub(crate) async fn follow(
    about: About,
    relay: Arc<Relay>,
    draining: CancellationToken,
    record: watch::Sender<Option<RecordBody>>,
) {
    let mut ticks = interval(RECORD_RENEW / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let body = about.record(&relay, draining.is_cancelled());
        record.send_if_modified(|known| {
            let changed = known.as_ref() != Some(&body);
            *known = Some(body);
            changed
        });
        tokio::select! {
            _ = ticks.tick() => {}
            () = draining.cancelled(), if !draining.is_cancelled() => {}
            () = record.closed() => return,
        }
    }
}
