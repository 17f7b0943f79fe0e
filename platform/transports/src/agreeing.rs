//! The agreements under way with peers that opened links of one type.
//!
//! A peer is authenticated by now, but keys cost nothing: whoever opens links and then says nothing must hold up nobody.
//! So a peer has one agreement at a time, the newest, and when all places are taken the oldest agreement goes. An honest
//! one takes a round trip.

use std::collections::BTreeMap;

use byway_base::{PublicKey, SecretKey, TransportType, limits::HANDSHAKES_AT_ONCE};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinError, JoinSet},
};
use tracing::debug;

use crate::{
    agreement::{Side, agree},
    registry::Opened,
    transport_type::Link,
};

/// Agrees with each link that comes, and hands on what both edges signed. Ends with the links.
pub(crate) async fn agree_with_diallers(
    secret: SecretKey,
    kind: TransportType,
    mut links: mpsc::Receiver<Link>,
    accepted: mpsc::Sender<Opened>,
) {
    let mut agreements = Agreements::new(HANDSHAKES_AT_ONCE);
    loop {
        tokio::select! {
            Some(ended) = agreements.tasks.join_next() => agreements.ended(ended),
            link = links.recv() => {
                let Some(link) = link else { return };
                let (secret, kind, accepted) = (secret.clone(), kind.clone(), accepted.clone());
                agreements.begin(link.peer, accept(secret, kind, link, accepted));
            }
        }
    }
}

async fn accept(secret: SecretKey, kind: TransportType, link: Link, accepted: mpsc::Sender<Opened>) {
    let Link { peer, mut opening, address } = link;
    match agree(opening.stream(), Side::Acceptor, &secret, peer, &kind).await {
        Ok((entry, received)) => {
            if let Ok(link) = opening.carry(received) {
                // The receiver is gone only when the node stops.
                let _ = accepted.send(Opened { peer, entry, link, address, dialled: false }).await;
            }
        }
        Err(error) => debug!(peer = %peer.short(), %kind, %error, "no agreement on a transport"),
    }
}

/// Numbered in the order in which they began.
struct Agreements {
    at_once: usize,
    next: u64,
    by_age: BTreeMap<u64, (PublicKey, AbortHandle)>,
    by_peer: BTreeMap<PublicKey, u64>,
    tasks: JoinSet<u64>,
}

impl Agreements {
    fn new(at_once: usize) -> Self {
        Self { at_once, next: 0, by_age: BTreeMap::new(), by_peer: BTreeMap::new(), tasks: JoinSet::new() }
    }

    fn begin(&mut self, peer: PublicKey, agreement: impl Future<Output = ()> + Send + 'static) {
        let oldest = || self.by_age.keys().next().copied().filter(|_| self.by_age.len() >= self.at_once);
        let replaced = self.by_peer.get(&peer).copied().or_else(oldest);
        if let Some((_, task)) = replaced.and_then(|number| self.forget(number)) {
            task.abort();
        }
        let number = self.next;
        self.next += 1;
        let task = self.tasks.spawn(async move {
            agreement.await;
            number
        });
        self.by_age.insert(number, (peer, task));
        self.by_peer.insert(peer, number);
    }

    fn ended(&mut self, ended: Result<u64, JoinError>) {
        match ended {
            Ok(number) => {
                self.forget(number);
            }
            // It was replaced, and forgotten then.
            Err(error) if error.is_cancelled() => {}
            Err(error) => tracing::error!(%error, "an agreement failed"),
        }
    }

    fn forget(&mut self, number: u64) -> Option<(PublicKey, AbortHandle)> {
        let forgotten = self.by_age.remove(&number);
        if let Some((peer, _)) = &forgotten {
            self.by_peer.remove(peer);
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn key(seed: u8) -> PublicKey {
        SecretKey::from_seed([seed; 32]).public()
    }

    /// Begins an agreement that lasts until the test takes its end, and fails the receiver when it is dropped.
    fn begin(agreements: &mut Agreements, peer: u8) -> (oneshot::Sender<()>, oneshot::Receiver<()>) {
        let (end, ended) = oneshot::channel::<()>();
        let (done, dropped) = oneshot::channel::<()>();
        agreements.begin(key(peer), async move {
            let _ = ended.await;
            let _ = done.send(());
        });
        (end, dropped)
    }

    #[tokio::test]
    async fn a_peers_newer_link_replaces_its_older_one_and_nobody_elses() {
        let mut agreements = Agreements::new(10);
        let (_first, replaced) = begin(&mut agreements, 1);
        let (other, kept) = begin(&mut agreements, 2);
        let _second = begin(&mut agreements, 1);
        assert!(replaced.await.is_err());
        assert_eq!((agreements.by_age.len(), agreements.by_peer.len()), (2, 2));
        other.send(()).unwrap();
        kept.await.unwrap();
        while agreements.by_age.len() > 1 {
            let ended = agreements.tasks.join_next().await.unwrap();
            agreements.ended(ended);
        }
        assert!(agreements.by_peer.contains_key(&key(1)));
    }

    #[tokio::test]
    async fn when_all_places_are_taken_the_oldest_agreement_goes() {
        let mut agreements = Agreements::new(3);
        let mut held: Vec<_> = (1..=4).map(|peer| begin(&mut agreements, peer)).collect();
        assert!(held.remove(0).1.await.is_err());
        assert_eq!(agreements.by_age.len(), 3);
        let (end, kept) = held.pop().unwrap();
        end.send(()).unwrap();
        kept.await.unwrap();
    }
}
