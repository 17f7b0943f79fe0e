//! How often one caller may ask: a bucket of tokens for each key, and for each network that asks without one.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use byway_base::{Code, Problem, PublicKey, limits::HTTP_CALLERS};
use parking_lot::Mutex;

use super::{Peer, connections::network};

/// How often one caller may ask: on average, and how many times at once after it asked for nothing for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests per second, at least one.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Caller {
    /// Whoever signed the request.
    Key(PublicKey),
    /// An IPv4 address or IPv6 /64.
    Network(IpAddr),
}

impl Caller {
    /// Who asks without a signature. Of this machine's own programs, such as a proxy that stands for many, and of those who
    /// came another way than TCP, each for itself bounded, nothing is counted.
    pub(super) fn unsigned(peer: Option<Peer>) -> Option<Self> {
        let ip = peer?.0.ip().to_canonical();
        (!ip.is_loopback()).then(|| Self::Network(network(ip)))
    }
}

/// Who asked how often lately, in bounded memory.
#[derive(Debug)]
pub(super) struct Rates {
    rate: Rate,
    max: usize,
    began: Instant,
    /// Until when each caller's requests so far are paid for, since `began` (the generic cell rate algorithm). Whoever owes
    /// nothing need not be remembered. Only for look-up.
    paid: Mutex<HashMap<Caller, Duration>>,
}

impl Rates {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, max: HTTP_CALLERS, began: Instant::now(), paid: Mutex::default() }
    }

    /// Takes one token of a caller.
    ///
    /// # Errors
    /// `BW-LIMIT` if it has none left, or if too many others owe some.
    pub(super) fn take(&self, caller: Caller) -> Result<(), Problem> {
        self.take_at(caller, self.began.elapsed())
    }

    fn take_at(&self, caller: Caller, now: Duration) -> Result<(), Problem> {
        const WHAT: &str = "cannot take another request";
        let price = Duration::from_secs(1) / self.rate.per_second.max(1);
        let mut paid = self.paid.lock();
        let until = paid.get(&caller).copied().unwrap_or_default().max(now) + price;
        let refused = if until > now + price * self.rate.burst {
            let Rate { per_second, burst } = self.rate;
            Some(format!(
                "the caller asked more than {per_second} times a second, and more than {burst} times at once"
            ))
        } else {
            if paid.len() >= self.max {
                paid.retain(|_, until| *until > now);
            }
            (paid.len() >= self.max).then(|| "too many callers ask at once".to_owned())
        };
        if let Some(why) = refused {
            metrics::counter!("byway_http_rate_refused_total").increment(1);
            return Err(Problem::new(Code::Limit, WHAT, why));
        }
        paid.insert(caller, until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;

    fn caller(seed: u8) -> Caller {
        Caller::Key(SecretKey::from_seed([seed; 32]).public())
    }

    fn peer(address: &str) -> Option<Peer> {
        Some(Peer(address.parse().unwrap()))
    }

    #[test]
    fn a_caller_may_ask_a_few_times_at_once_and_then_at_its_rate_whatever_others_do() {
        let rates = Rates::new(Rate { per_second: 10, burst: 3 });
        let taken = |seed, ms| rates.take_at(caller(seed), Duration::from_millis(ms)).is_ok();
        assert!([taken(1, 0), taken(1, 0), taken(1, 0)].iter().all(|taken| *taken));
        assert!(!taken(1, 0) && !taken(1, 99));
        assert!(taken(2, 0), "another caller");
        assert!(taken(1, 100) && !taken(1, 100));
        assert!(taken(1, 10_000) && taken(1, 10_000) && taken(1, 10_000) && !taken(1, 10_000));
    }

    #[test]
    fn callers_that_owe_nothing_make_room_for_others_and_no_others_do() {
        let rates = Rates { max: 2, ..Rates::new(Rate { per_second: 10, burst: 3 }) };
        let taken = |seed, ms| rates.take_at(caller(seed), Duration::from_millis(ms)).is_ok();
        assert!(taken(1, 0) && taken(2, 0) && !taken(3, 0));
        assert!(taken(3, 100));
        assert_eq!(rates.paid.lock().len(), 1);
    }

    #[test]
    fn without_a_signature_a_network_is_counted_and_this_machine_is_not() {
        let one = Caller::unsigned(peer("[2001:db8::1]:1"));
        assert!(one.is_some() && one == Caller::unsigned(peer("[2001:db8::2]:2")));
        assert_ne!(one, Caller::unsigned(peer("192.0.2.1:1")));
        assert_eq!(Caller::unsigned(peer("127.0.0.1:1")), None);
        assert_eq!(Caller::unsigned(None), None);
    }
}
