//! An overlay port whose every channel leads to a local UDP app: `byway expose --udp`.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use byway_base::{OverlayAddress, Problem, limits::UDP_PEERS};
use tokio::{net::UdpSocket, sync::Semaphore, task::JoinSet, time::sleep};

use super::{DATAGRAM_MAX, PAUSE, Program, carry};
use crate::dial::{Accept, DatagramChannel};

/// Serves the channels of a listener from the app at `to`, [`UDP_PEERS`] at once; further ones wait in the node. Runs until
/// the listener is of no more use; dropping the future closes every channel.
///
/// # Errors
/// Why the listener gives no more channels.
pub async fn serve(
    mut listener: impl Accept<Channel: DatagramChannel>,
    to: SocketAddr,
) -> Result<(), Problem> {
    let places = Arc::new(Semaphore::new(UDP_PEERS));
    let mut channels = JoinSet::new();
    loop {
        while channels.try_join_next().is_some() {}
        let place = places.clone().acquire_owned().await;
        let (from, channel) = listener.accept().await?;
        channels.spawn(async move {
            let _place = place;
            deliver(from, channel, to).await;
        });
    }
}

async fn deliver(from: OverlayAddress, channel: impl DatagramChannel, to: SocketAddr) {
    match ToApp::connect(to).await {
        Ok(app) => carry(to, app, channel).await,
        Err(error) => tracing::warn!(from = %from.key.short(), %to, %error, "no socket for the local app"),
    }
}

/// The app, from a socket of its own for each channel.
struct ToApp {
    socket: UdpSocket,
    buffer: Vec<u8>,
}

impl ToApp {
    async fn connect(to: SocketAddr) -> io::Result<Self> {
        let any: IpAddr = match to {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(to).await?;
        Ok(Self { socket, buffer: vec![0; DATAGRAM_MAX] })
    }
}

impl Program for ToApp {
    async fn recv(&mut self) -> Option<Bytes> {
        loop {
            match self.socket.recv(&mut self.buffer).await {
                Ok(length) => return Some(Bytes::copy_from_slice(&self.buffer[..length])),
                // The app does not listen now; it may again.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => {
                    tracing::debug!(%error, "the local app's socket failed");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.socket.send(datagram).await.map(|_| ())
    }
}
