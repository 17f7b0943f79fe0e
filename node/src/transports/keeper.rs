//! Keeps wanted transports up: opened at start, redialled with jittered backoff.

use std::{net::SocketAddr, str::FromStr};

use byway_base::{PublicKey, TransportId, TransportType};
use byway_net::Backoff;
use byway_wire::Candidate;
use tracing::warn;

use super::{Transports, Ways};

/// A transport that the node should have: `TYPE:KEY`, or `TYPE:KEY@IP:PORT` where the address is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The type.
    pub kind: TransportType,
    /// The other edge.
    pub peer: PublicKey,
    /// Where it is; from its contact record if absent.
    pub address: Option<SocketAddr>,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("'{text}' is not TYPE:KEY or TYPE:KEY@IP:PORT");
        let (kind, rest) = text.split_once(':').ok_or_else(form)?;
        let (peer, address) = match rest.split_once('@') {
            Some((peer, address)) => (peer, Some(address)),
            None => (rest, None),
        };
        let address = address.map(|a| a.parse().map_err(|_| format!("'{a}' is not IP:PORT"))).transpose()?;
        Ok(Self {
            kind: kind.parse().map_err(|error| format!("'{kind}': {error}"))?,
            peer: peer.parse().map_err(|error| format!("'{peer}': {error}"))?,
            address,
        })
    }
}

/// A wanted transport that is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Down {
    /// The type.
    pub(crate) kind: TransportType,
    /// The other edge.
    pub(crate) peer: PublicKey,
    /// What the last attempt came to; none before it has ended.
    pub(crate) why: Option<String>,
}

impl Wanted {
    fn candidates(&self) -> Vec<Candidate> {
        self.address.iter().map(|address| Candidate { kind: self.kind.clone(), address: *address }).collect()
    }
}

impl Transports {
    /// Keeps a transport up until the node stops.
    pub(crate) fn keep(&self, wanted: Wanted) {
        let transports = self.clone();
        self.inner.tasks.spawn(async move {
            let stop = transports.inner.stop.clone();
            stop.run_until_cancelled(transports.keep_up(&wanted)).await;
        });
    }

    async fn keep_up(&self, wanted: &Wanted) {
        let id = TransportId::derive(&self.inner.own, &wanted.peer, &wanted.kind);
        let mut changes = self.changes();
        let mut backoff = Backoff::default();
        let mut down = Down { kind: wanted.kind.clone(), peer: wanted.peer, why: None };
        loop {
            let up = |table: &super::Table| table.get(&id).is_some();
            if self.with_table(up) {
                self.inner.down.lock().remove(&id);
                down.why = None;
                backoff.reset();
                // The sender lives as long as `self`.
                let _ = changes.changed().await;
                continue;
            }
            self.inner.down.lock().insert(id, down.clone());
            let known = wanted.candidates();
            if let Err(problem) = self.open_by(&wanted.kind, wanted.peer, &known, Ways::Patient).await {
                if down.why.as_ref() != Some(&problem.why) && !self.inner.stop.is_cancelled() {
                    warn!(peer = %wanted.peer.short(), kind = %wanted.kind, why = %problem, "transport is wanted, not up");
                }
                down.why = Some(problem.why);
                self.inner.down.lock().insert(id, down.clone());
                tokio::time::sleep(backoff.next(rand::random())).await;
            }
        }
    }

    /// The wanted transports that are down.
    pub(crate) fn down(&self) -> Vec<Down> {
        self.inner.down.lock().values().cloned().collect()
    }
}
