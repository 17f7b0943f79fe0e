//! Connections to peers, shared between all who ask for the same.

use std::{collections::BTreeMap, sync::Arc};

use byway_base::{
    PublicKey,
    limits::{CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT},
};
use byway_messaging::{Unreachable, Way};
use byway_net::{
    quic::{self, QuicProfile},
    virtual_path::synthetic_address,
};
use parking_lot::Mutex;
use quinn::{Connection, Endpoint};
use tokio::time::timeout;

use crate::{error::ConnectError, hub::Hub};

/// Connections that one client opens at once.
const CONNECTIONS: usize = 4_096;

/// One connection to a peer for one protocol; locked while it is being opened, so that all who want it wait for the same
/// attempt.
type Slot = Arc<tokio::sync::Mutex<Option<Connection>>>;

#[derive(Debug)]
pub(crate) struct Dialler {
    hub: Arc<Hub>,
    endpoint: Endpoint,
    profile: QuicProfile,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    by_peer: BTreeMap<(PublicKey, &'static [u8]), Slot>,
    /// How many there were after the last clearing.
    kept: usize,
}

impl Slots {
    fn get(&mut self, key: (PublicKey, &'static [u8])) -> Option<Slot> {
        if let Some(slot) = self.by_peer.get(&key) {
            return Some(slot.clone());
        }
        // Clearing whenever the table has doubled costs each dial a constant.
        if self.by_peer.len() >= (2 * self.kept).max(64) {
            self.by_peer.retain(|_, slot| is_in_use(slot));
            self.kept = self.by_peer.len();
        }
        (self.by_peer.len() < CONNECTIONS).then(|| self.by_peer.entry(key).or_default().clone())
    }
}

fn is_in_use(slot: &Slot) -> bool {
    match slot.try_lock() {
        Ok(connection) => connection.as_ref().is_some_and(is_open),
        // Being opened.
        Err(_) => true,
    }
}

fn is_open(connection: &Connection) -> bool {
    connection.close_reason().is_none()
}

impl Dialler {
    pub(crate) fn new(hub: Arc<Hub>, endpoint: Endpoint, profile: QuicProfile) -> Self {
        Self { hub, endpoint, profile, slots: Mutex::default() }
    }

    pub(crate) async fn connect(
        &self,
        peer: PublicKey,
        alpn: &'static [u8],
    ) -> Result<Connection, ConnectError> {
        let slot = self.slots.lock().get((peer, alpn)).ok_or(ConnectError::TooMany)?;
        let within = CONNECT_TIMEOUT + HANDSHAKE_TIMEOUT;
        let connect = async {
            let mut slot = slot.lock().await;
            if let Some(connection) = slot.as_ref().filter(|connection| is_open(connection)) {
                return Ok(connection.clone());
            }
            let connection = self.dial(peer, alpn).await?;
            *slot = Some(connection.clone());
            Ok(connection)
        };
        timeout(within, connect).await.unwrap_or(Err(ConnectError::Timeout(within)))
    }

    async fn dial(&self, peer: PublicKey, alpn: &[u8]) -> Result<Connection, ConnectError> {
        let opened = timeout(CONNECT_TIMEOUT, self.way_opened(peer)).await;
        opened.map_err(|_| ConnectError::Timeout(CONNECT_TIMEOUT))??;
        let handshake = quic::connect(
            &self.endpoint,
            &self.hub.identity,
            synthetic_address(&peer),
            peer,
            alpn,
            &self.profile,
            HANDSHAKE_TIMEOUT,
        );
        tokio::select! {
            biased;
            connection = handshake => Ok(connection?),
            reason = self.way_lost(peer) => Err(reason.into()),
        }
    }

    /// Waits until the first packet has somewhere to go.
    async fn way_opened(&self, peer: PublicKey) -> Result<(), Unreachable> {
        loop {
            // Before asking, so that no change is missed in between.
            let changed = self.hub.ways.notified();
            match self.hub.way(peer) {
                Way::Through(_) | Way::Relayed { .. } => return Ok(()),
                Way::None(reason) => return Err(reason),
                Way::Pending => changed.await,
            }
        }
    }

    /// Waits until it is certain that there is no way.
    async fn way_lost(&self, peer: PublicKey) -> Unreachable {
        loop {
            let changed = self.hub.ways.notified();
            if let Way::None(reason) = self.hub.way(peer) {
                return reason;
            }
            changed.await;
        }
    }
}
