//! Peers that speak frames by hand.

use std::{future::poll_fn, io::IoSlice};

use bytes::BytesMut;
use byway_messaging_client::{ALPN_RELAY, ALPN_SERVER};
use byway_net::{
    Expect, Identity, Pipe, TlsPipe,
    quic::udp::{QuicPipe, UdpEndpoint, UdpProfile},
    tcp,
};
use byway_wire::messaging::Frame;

use super::{LONG, Server, secret};

/// One connection with a server.
pub(crate) struct Raw {
    pipe: Box<dyn Pipe>,
    arrived: BytesMut,
}

impl Raw {
    /// Connects as the key `n` over TLS, and does nothing more.
    pub(crate) async fn dial(n: u8, server: &Server) -> Self {
        Self::dial_as(n, server, ALPN_SERVER).await.unwrap()
    }

    /// The same as a server, if that is allowed.
    pub(crate) async fn dial_as_server(n: u8, server: &Server) -> Option<Self> {
        Self::dial_as(n, server, ALPN_RELAY).await.ok()
    }

    async fn dial_as(n: u8, server: &Server, alpn: &[u8]) -> Result<Self, tcp::ConnectError> {
        let identity = Identity::new(secret(n));
        let expect = Expect::Exactly(server.at.key);
        let connection = tcp::connect(server.at.address, &identity, expect, alpn, LONG).await?;
        Ok(Self::over(connection))
    }

    /// Takes over a connection.
    pub(crate) fn over(connection: tcp::TlsConnection) -> Self {
        Self { pipe: Box::new(TlsPipe::new(connection)), arrived: BytesMut::new() }
    }

    /// Connects as the key `n` over QUIC, and does nothing more.
    pub(crate) async fn dial_quic(n: u8, server: &Server) -> Self {
        let endpoint = UdpEndpoint::dialler(Identity::new(secret(n)), ALPN_SERVER).unwrap();
        let endpoint = endpoint.with_profile(UdpProfile::messaging());
        let link = endpoint.connect(server.udp, server.at.key, LONG).await.unwrap();
        let pipe = Box::new(QuicPipe::open(link).await.unwrap());
        Self { pipe, arrived: BytesMut::new() }
    }

    /// Connects as the key `n`, and waits until the server answers.
    pub(crate) async fn connect(n: u8, server: &Server) -> Self {
        Self::dial(n, server).await.greeted().await
    }

    /// The same over QUIC.
    pub(crate) async fn connect_quic(n: u8, server: &Server) -> Self {
        Self::dial_quic(n, server).await.greeted().await
    }

    /// Waits until the server answers.
    pub(crate) async fn greeted(mut self) -> Self {
        self.send(&Frame::Ping(1)).await;
        assert_eq!(self.receive().await, Some(Frame::Pong(1)));
        self
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        self.send_bytes(&bytes).await;
    }

    pub(crate) async fn send_bytes(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let taken = poll_fn(|cx| self.pipe.poll_write(cx, &[IoSlice::new(bytes)])).await.unwrap();
            bytes = &bytes[taken..];
        }
        poll_fn(|cx| self.pipe.poll_flush(cx)).await.unwrap();
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) async fn receive(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = Frame::take(&mut self.arrived).unwrap() {
                return Some(frame);
            }
            let reading = poll_fn(|cx| self.pipe.poll_read(cx, &mut self.arrived));
            let read = tokio::time::timeout(LONG, reading).await.unwrap();
            if read.unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}
