//! Opens a connection to a server by whichever of its addresses and protocols answers: "Happy Eyeballs" (RFC 8305) with
//! the address families, and the same once more with TCP and UDP, of which networks block the one or the other.

use std::{io, net::SocketAddr, time::Duration};

use byway_base::{PublicKey, limits::CONNECT_TIMEOUT};
use byway_net::{
    Expect, Identity, Pipe, TlsPipe,
    quic::udp::{QuicPipe, UdpEndpoint, UdpProfile},
    tcp,
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use parking_lot::Mutex;
use tokio::time::timeout;

use super::LinkError;
use crate::{
    alpn::ALPN_SERVER,
    protocol::{Protocol, Spot},
};

/// What an address has before the next one of the same protocol is tried as well (RFC 8305, 5).
const ADDRESS_HEAD_START: Duration = Duration::from_millis(250);
/// What the preferred protocol has before the other one: a handshake over a slow path. The other one is for networks that
/// swallow the first, not for being faster.
const PROTOCOL_HEAD_START: Duration = Duration::from_secs(1);

/// A server and where it listens.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) key: PublicKey,
    pub(crate) tcp: Vec<SocketAddr>,
    pub(crate) udp: Vec<SocketAddr>,
    /// What worked the last time.
    pub(crate) worked: Option<Spot>,
}

/// Opens connections for one client.
#[derive(Debug)]
pub(crate) struct Dials {
    identity: Identity,
    prefer: Protocol,
    /// The UDP socket of all QUIC links, bound when the first is dialled.
    quic: Mutex<Option<UdpEndpoint>>,
}

impl Dials {
    pub(crate) fn new(identity: Identity, prefer: Protocol) -> Self {
        Self { identity, prefer, quic: Mutex::default() }
    }

    /// The first connection that comes about.
    ///
    /// # Cancel safety
    /// Dropping the future abandons all attempts.
    pub(crate) async fn dial(&self, target: &Target) -> Result<(Box<dyn Pipe>, Spot), LinkError> {
        let attempts = plan(target, self.prefer)
            .into_iter()
            .map(|(head_start, spot)| (head_start, self.attempt(target.key, spot).boxed()));
        race(attempts.collect()).await.unwrap_or(Err(LinkError::NoAddress))
    }

    async fn attempt(&self, key: PublicKey, spot: Spot) -> Result<(Box<dyn Pipe>, Spot), LinkError> {
        let pipe: Box<dyn Pipe> = match spot.protocol {
            Protocol::Tcp => {
                let expect = Expect::Exactly(key);
                let connecting =
                    tcp::connect(spot.address, &self.identity, expect, ALPN_SERVER, CONNECT_TIMEOUT);
                Box::new(TlsPipe::new(connecting.await?))
            }
            Protocol::Quic => {
                let link = self.endpoint()?.connect(spot.address, key, CONNECT_TIMEOUT).await?;
                Box::new(QuicPipe::open(link).await?)
            }
        };
        Ok((pipe, spot))
    }

    fn endpoint(&self) -> io::Result<UdpEndpoint> {
        let mut quic = self.quic.lock();
        match &*quic {
            Some(endpoint) => Ok(endpoint.clone()),
            None => {
                let endpoint = UdpEndpoint::dialler(self.identity.clone(), ALPN_SERVER)?;
                Ok(quic.insert(endpoint.with_profile(UdpProfile::messaging())).clone())
            }
        }
    }
}

/// The attempts in the order in which they begin, and how long each waits for the one before it: what worked, then the
/// preferred protocol, then the other; within a protocol the address families in turn, IPv6 first.
fn plan(target: &Target, prefer: Protocol) -> Vec<(Duration, Spot)> {
    let spots = |protocol| {
        let addresses = match protocol {
            Protocol::Tcp => &target.tcp,
            Protocol::Quic => &target.udp,
        };
        let (six, four): (Vec<_>, Vec<_>) = addresses.iter().partition(|address| address.is_ipv6());
        let longer = six.len().max(four.len());
        let in_turn = (0..longer).flat_map(move |n| [six.get(n).copied(), four.get(n).copied()]);
        in_turn.flatten().map(move |address| Spot { protocol, address })
    };
    let other = match prefer {
        Protocol::Tcp => Protocol::Quic,
        Protocol::Quic => Protocol::Tcp,
    };
    let mut order: Vec<_> = spots(prefer).chain(spots(other)).collect();
    // It counts only as long as the server names it.
    if let Some(place) = target.worked.and_then(|worked| order.iter().position(|spot| *spot == worked)) {
        order[..=place].rotate_right(1);
    }
    let mut before: Option<Protocol> = None;
    let with_head_start = |spot: Spot| {
        let head_start = match before.replace(spot.protocol) {
            None => Duration::ZERO,
            Some(protocol) if protocol == spot.protocol => ADDRESS_HEAD_START,
            Some(_) => PROTOCOL_HEAD_START,
        };
        (head_start, spot)
    };
    order.into_iter().map(with_head_start).collect()
}

/// Begins one attempt after the other, each as soon as its predecessor failed or used its head start up. The first success
/// ends it; otherwise the last failure. `None` if there is nothing to try.
async fn race<T, E>(attempts: Vec<(Duration, BoxFuture<'_, Result<T, E>>)>) -> Option<Result<T, E>> {
    let mut waiting = attempts.into_iter().peekable();
    let mut running = FuturesUnordered::new();
    let mut failure = None;
    loop {
        let Some((_, attempt)) = waiting.next() else {
            // All are under way: whichever ends well, or the last.
            while let Some(ended) = running.next().await {
                match ended {
                    Ok(success) => return Some(Ok(success)),
                    Err(error) => failure = Some(error),
                }
            }
            return failure.map(Err);
        };
        running.push(attempt);
        let head_start = waiting.peek().map_or(Duration::ZERO, |(head_start, _)| *head_start);
        if waiting.peek().is_some()
            && let Ok(Some(ended)) = timeout(head_start, running.next()).await
        {
            match ended {
                Ok(success) => return Some(Ok(success)),
                Err(error) => failure = Some(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use byway_base::SecretKey;

    use super::*;

    const SIX: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 1);
    const FOUR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

    fn target(worked: Option<Spot>) -> Target {
        let key = SecretKey::from_seed([1; 32]).public();
        Target { key, tcp: vec![FOUR, SIX], udp: vec![FOUR], worked }
    }

    #[test]
    fn the_preferred_protocol_goes_first_and_the_families_take_turns() {
        let tcp = |address| Spot { protocol: Protocol::Tcp, address };
        let quic = Spot { protocol: Protocol::Quic, address: FOUR };
        let head_starts = [Duration::ZERO, ADDRESS_HEAD_START, PROTOCOL_HEAD_START];
        let order = |spots: [Spot; 3]| head_starts.into_iter().zip(spots).collect::<Vec<_>>();
        assert_eq!(plan(&target(None), Protocol::Tcp), order([tcp(SIX), tcp(FOUR), quic]));
        let spots: Vec<_> = plan(&target(None), Protocol::Quic).into_iter().map(|(_, spot)| spot).collect();
        assert_eq!(spots, [quic, tcp(SIX), tcp(FOUR)]);
    }

    #[test]
    fn what_worked_the_last_time_goes_first_while_the_server_names_it() {
        let quic = Spot { protocol: Protocol::Quic, address: FOUR };
        let order = plan(&target(Some(quic)), Protocol::Tcp);
        assert_eq!((order.len(), order[0]), (3, (Duration::ZERO, quic)));
        let gone = Spot { protocol: Protocol::Quic, address: SIX };
        assert!(plan(&target(Some(gone)), Protocol::Tcp).iter().all(|(_, spot)| *spot != gone));
    }

    #[tokio::test]
    async fn an_attempt_that_stays_silent_or_fails_does_not_hold_up_the_next() {
        let attempts: Vec<(Duration, BoxFuture<'_, Result<u8, u8>>)> = vec![
            (Duration::ZERO, pending().boxed()),
            (Duration::from_millis(1), ready(Err(1)).boxed()),
            (Duration::from_millis(1), ready(Ok(2)).boxed()),
            (Duration::from_secs(3_600), ready(Ok(3)).boxed()),
        ];
        assert_eq!(race(attempts).await, Some(Ok(2)));
    }

    #[tokio::test]
    async fn if_all_fail_the_last_failure_counts_and_nothing_to_try_is_told_apart() {
        let attempts: Vec<(Duration, BoxFuture<'_, Result<u8, u8>>)> = vec![
            (Duration::ZERO, ready(Err(1)).boxed()),
            (Duration::from_secs(3_600), ready(Err(2)).boxed()),
        ];
        assert_eq!(race(attempts).await, Some(Err(2)));
        assert_eq!(race::<u8, u8>(Vec::new()).await, None);
    }
}
