//! UDP over channels of the overlay: `byway connect --udp` and `byway expose --udp`.
//!
//! A client here is a channel there, and each channel a socket of its own in front of the app: so answers find their way
//! back, as through NAT. What the path cannot carry is dropped and told, once a client.

mod app;
mod client;

use std::{io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use byway_base::{Code, DatagramError, Problem, limits::UDP_IDLE};
use tokio::{net::UdpSocket, time::timeout};

use crate::dial::DatagramChannel;

pub use app::serve;
pub use client::Forward;

/// Bytes of the largest datagram of UDP over IPv4.
const DATAGRAM_MAX: usize = 65_507;

/// The program of this machine at one end of a channel.
trait Program: Send {
    /// The next datagram that it sent; `None` if it is to be left alone. Nothing is lost if the future is dropped.
    fn recv(&mut self) -> impl Future<Output = Option<Bytes>> + Send;

    /// Sends to it.
    fn send(&self, datagram: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
}

/// Carries datagrams both ways until the channel is closed, the program is to be left alone, or nothing came from either
/// for [`UDP_IDLE`].
async fn carry(who: SocketAddr, mut program: impl Program, channel: impl DatagramChannel) {
    let mut told = false;
    loop {
        let event = async {
            tokio::select! {
                datagram = program.recv() => datagram.map(Event::FromProgram),
                datagram = channel.recv() => datagram.map(Event::FromOverlay),
            }
        };
        match timeout(UDP_IDLE, event).await {
            Ok(Some(Event::FromProgram(datagram))) => match channel.send(&datagram).await {
                Ok(()) => {}
                Err(DatagramError::Closed) => return,
                Err(error @ DatagramError::TooLarge { .. }) if !told => {
                    told = true;
                    tracing::warn!(%who, bytes = datagram.len(), %error, "dropped, as further ones are");
                }
                Err(DatagramError::TooLarge { .. }) => {}
            },
            Ok(Some(Event::FromOverlay(datagram))) => {
                // As on any network: who does not listen loses it.
                if let Err(error) = program.send(&datagram).await {
                    tracing::debug!(%who, %error, "datagram not delivered");
                }
            }
            Ok(None) | Err(_) => return,
        }
    }
}

enum Event {
    FromProgram(Bytes),
    FromOverlay(Bytes),
}

/// Binds a local port.
///
/// # Errors
/// [`Code::Bind`] with what speaks against it.
async fn bind(address: SocketAddr) -> Result<(UdpSocket, SocketAddr), Problem> {
    let failed = |error| Problem::new(Code::Bind, format!("cannot take datagrams on {address}"), error);
    let socket = UdpSocket::bind(address).await.map_err(failed)?;
    let bound = socket.local_addr().map_err(failed)?;
    Ok((socket, bound))
}

/// Pause after a socket failed in a way that may last.
const PAUSE: Duration = Duration::from_millis(10);
