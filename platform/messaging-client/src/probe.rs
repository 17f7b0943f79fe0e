//! Measures the round trip to servers that are not connected.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

/// Addresses of one server that are tried.
const ADDRESSES: usize = 2;
/// Time for each. A server further away is not worth moving to.
const WITHIN: Duration = Duration::from_secs(2);

/// The time that a TCP connection to the first address that answers takes, which is one round trip; `None` if none does. The
/// server sees a connection that says nothing.
pub(crate) async fn round_trip(tcp: &[SocketAddr]) -> Option<Duration> {
    for address in tcp.iter().take(ADDRESSES) {
        let began = Instant::now();
        if let Ok(Ok(_)) = timeout(WITHIN, TcpStream::connect(address)).await {
            return Some(began.elapsed());
        }
    }
    None
}
