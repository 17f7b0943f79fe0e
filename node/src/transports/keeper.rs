//! Keeps wanted transports up: opened at start, redialled with jittered backoff.

use std::collections::BTreeMap;

use byway_base::{Code, Problem, PublicKey, TransportId, TransportType};
use byway_net::{Backoff, HostPort, NotHostPort};
use byway_wire::Candidate;
use tracing::warn;

use super::{Transports, Ways};

/// A transport that the node should have: `TYPE:PEER`, or `TYPE:PEER@HOST:PORT` where it is known where the peer is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The type.
    pub kind: TransportType,
    /// The other edge.
    pub peer: PublicKey,
    /// Where it is; from its contact record if absent.
    pub address: Option<HostPort>,
}

impl Wanted {
    /// Reads what a person wrote; the peer is a key or one of `petnames`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str, petnames: &BTreeMap<String, PublicKey>) -> Result<Self, String> {
        let form = || format!("'{text}' is not TYPE:PEER or TYPE:PEER@HOST:PORT");
        let (kind, rest) = text.split_once(':').ok_or_else(form)?;
        let (peer, address) = match rest.split_once('@') {
            Some((peer, address)) => (peer, Some(address)),
            None => (rest, None),
        };
        let peer = match petnames.get(peer) {
            Some(key) => *key,
            None => peer.parse().map_err(|error| format!("'{peer}' is no petname and no key: {error}"))?,
        };
        let address = address.map(str::parse).transpose().map_err(|error: NotHostPort| error.to_string())?;
        Ok(Self { kind: kind.parse().map_err(|error| format!("'{kind}': {error}"))?, peer, address })
    }

    /// Where the peer is, as far as that is known beforehand.
    async fn candidates(&self) -> Result<Vec<Candidate>, Problem> {
        let Some(place) = &self.address else { return Ok(Vec::new()) };
        let addresses = place.resolve().await.map_err(|error| {
            Problem::new(Code::PeerUnreachable, format!("cannot find {place}"), error)
                .with_hint("correct the name in `transports`, or give an address")
        })?;
        let candidate = |address| Candidate { kind: self.kind.clone(), address };
        Ok(addresses.into_iter().map(candidate).collect())
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
            let opened = match wanted.candidates().await {
                Ok(known) => self.open_by(&wanted.kind, wanted.peer, &known, Ways::Patient).await,
                Err(problem) => Err(problem),
            };
            if let Err(problem) = opened {
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
