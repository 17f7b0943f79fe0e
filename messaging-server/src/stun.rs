//! Answers STUN binding requests (RFC 8489), so that clients learn how the world sees their UDP socket.

use std::{net::IpAddr, time::Duration};

use byway_base::{
    Moment,
    limits::{STUN_RATE, STUN_SOURCE_RATE, STUN_SOURCES},
};
use byway_messaging::{Rate, SourceRates};
use byway_net::{
    quic::udp::{SideChannel, SideReceiver},
    source_network,
};
use byway_traversal::stun;
use tokio::time::Instant;

/// Answers until the socket is gone. Sources may be forged: a source gets no more than its rate, in answers that are hardly
/// longer than the requests, so that nobody is flooded through this server.
pub(crate) async fn serve(channel: SideChannel, mut requests: SideReceiver) {
    let origin = Instant::now();
    let mut limiter = Limiter::new();
    while let Some((from, request)) = requests.recv().await {
        let outcome = match stun::answer(&request, from) {
            None => "ignored",
            Some(answer) if !limiter.admits(from.ip(), answer.len(), origin.elapsed()) => "limited",
            Some(answer) => match channel.send(from, &answer) {
                Ok(()) => "answered",
                Err(_) => return,
            },
        };
        metrics::counter!("byway_messaging_stun_total", "outcome" => outcome).increment(1);
    }
}

struct Limiter {
    rates: SourceRates<IpAddr>,
}

impl Limiter {
    fn new() -> Self {
        let (each, all) = (Rate::per_second(STUN_SOURCE_RATE), Rate::per_second(STUN_RATE));
        Self { rates: SourceRates::new(each, all, STUN_SOURCES, Moment::ZERO) }
    }

    fn admits(&mut self, from: IpAddr, bytes: usize, since_origin: Duration) -> bool {
        self.rates.take(source_network(from), bytes as u64, Moment::from_origin(since_origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of one answer to IPv4.
    const ANSWER: usize = 32;

    fn admitted(limiter: &mut Limiter, from: &str, millis: u64) -> u64 {
        let (from, time) = (from.parse().expect("an address"), Duration::from_millis(millis));
        (0..1_000).filter(|_| limiter.admits(from, ANSWER, time)).count() as u64
    }

    #[test]
    fn whoever_is_named_as_the_source_of_a_flood_gets_its_rate_of_answers_and_others_get_theirs() {
        let mut limiter = Limiter::new();
        let rate = STUN_SOURCE_RATE / ANSWER as u64;
        assert_eq!(admitted(&mut limiter, "192.0.2.1", 0), rate);
        assert_eq!(admitted(&mut limiter, "192.0.2.1", 500), rate / 2);
        assert_eq!(admitted(&mut limiter, "192.0.2.2", 500), rate);
        // A whole network of IPv6 is one source, and IPv4 is the same in either form.
        assert_eq!(admitted(&mut limiter, "2001:db8::1", 500), rate);
        assert_eq!(admitted(&mut limiter, "2001:db8::2", 500), 0);
        assert_eq!(admitted(&mut limiter, "::ffff:192.0.2.2", 500), 0);
    }
}
