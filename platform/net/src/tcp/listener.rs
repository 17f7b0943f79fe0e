//! Accepts TCP connections and yields those whose dialler proved its key.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};

use super::{AcceptError, TlsConnection, accept};
use crate::handshakes::{HandshakeLimits, Handshakes, Source};

/// A TCP port behind which only authenticated connections come out.
///
/// Handshakes run concurrently within [`HandshakeLimits`]: a silent dialler costs one slot for a few seconds and
/// delays nobody. Dropping the listener closes the port and ends the handshakes under way.
#[derive(Debug)]
pub struct TlsListener {
    address: SocketAddr,
    handshakes: Handshakes<TlsConnection>,
}

impl TlsListener {
    /// Listens on `address`; port 0 takes any free one.
    ///
    /// # Errors
    /// If the address is taken or not this machine's.
    pub async fn bind(address: SocketAddr, config: Arc<ServerConfig>) -> io::Result<Self> {
        Self::start(TcpListener::bind(address).await?, config, HandshakeLimits::default())
    }

    /// Takes over a bound TCP listener, with limits of the caller's.
    ///
    /// # Errors
    /// If the listener does not say its address.
    pub fn start(
        listener: TcpListener,
        config: Arc<ServerConfig>,
        limits: HandshakeLimits,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(Self { address, handshakes: Handshakes::start(Port { listener, config }, limits) })
    }

    /// The address it listens on, its port filled in.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// The next authenticated connection. Errors of single connections and of the socket never end the listener; `None`
    /// only comes if its task was ended from outside, with the runtime.
    ///
    /// # Cancel safety
    /// No connection is lost if the future is dropped.
    pub async fn accept(&mut self) -> Option<TlsConnection> {
        self.handshakes.next().await
    }
}

/// The port as the handshakes see it.
struct Port {
    listener: TcpListener,
    config: Arc<ServerConfig>,
}

impl Source for Port {
    type Raw = TcpStream;
    type Connection = TlsConnection;
    type Refusal = AcceptError;

    fn accept(&mut self, _: usize) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send {
        self.listener.accept()
    }

    fn handshake(
        &self,
        tcp: TcpStream,
        within: Duration,
    ) -> impl Future<Output = Result<TlsConnection, AcceptError>> + Send + 'static {
        accept(tcp, self.config.clone(), within)
    }
}
