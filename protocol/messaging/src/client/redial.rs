//! When a lost server is dialled again, or replaced: spread over as long as servers need to take everybody in.
//!
//! A server that stops loses all its clients at the same moment, and each of them wants a server. What one client gains
//! by being first, a thousand lose by coming together. So the first attempt is drawn from a span that grows with the
//! number of clients which lost that server, and those after it from spans that double.

use std::time::Duration;

use byway_base::limits::{DRAIN_TIMEOUT, REDIAL_MAX, REDIAL_MIN};

use super::{random::Random, server::ServerInfo};

/// New clients per second that a server is meant to get: half of what one core takes, so that those who are connected do
/// not notice.
const CONNECTS_PER_SECOND: u32 = 500;
/// Clients of a server of which nothing is known but its address.
const CLIENTS_ASSUMED: u32 = 1_000;
/// Longest span of first attempts. A full server's clients come back at twice the rate then.
const SPREAD_MAX: Duration = Duration::from_secs(60);
/// Longest span in which the clients of a server that drains replace it: within the time that it has.
pub(super) const DRAIN_SPREAD_MAX: Duration = Duration::from_secs(DRAIN_TIMEOUT.as_secs() / 4);
/// A connection that held this long was no failure: the next pauses start small again.
pub(super) const LIVED: Duration = Duration::from_secs(10);

/// The time over which all clients of a server spread their first attempts after they lost it.
pub(super) fn spread(info: &ServerInfo) -> Duration {
    let clients = if info.capacity == 0 { CLIENTS_ASSUMED } else { info.clients };
    (Duration::from_secs(clients.into()) / CONNECTS_PER_SECOND).clamp(REDIAL_MIN, SPREAD_MAX)
}

/// The pause before the next attempt after `failures` in a row, the loss of a connection that held being the first.
pub(super) fn pause(info: &ServerInfo, failures: u32, random: &mut Random) -> Duration {
    let spread = spread(info);
    if failures <= 1 {
        return random.between(REDIAL_MIN / 2, spread);
    }
    let doubled = spread.saturating_mul(1_u32.checked_shl(failures - 2).unwrap_or(u32::MAX));
    let step = doubled.min(REDIAL_MAX.max(spread));
    random.between(step / 2, step)
}
