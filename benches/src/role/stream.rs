//! A stream without the overlay, plain or encrypted as a `tcp` transport is.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use anyhow::{Context as _, Result};
use bytes::{Buf, BytesMut};
use byway_base::{PublicKey, SecretKey, limits::CONNECT_TIMEOUT};
use byway_messaging_client::ALPN_SERVER;
use byway_net::{
    Expect, Identity, Pipe, TlsPipe,
    tcp::{TlsListener, connect},
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::AsyncWrite,
    net::{TcpListener, TcpStream},
};
use tokio_util::io::poll_read_buf;

use super::CHUNK;

/// Where a stream leads: with a key it is encrypted and proves that key, without one it is plain TCP.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) address: SocketAddr,
    pub(crate) key: Option<PublicKey>,
}

pub(super) enum Listener {
    Plain(TcpListener),
    Encrypted(TlsListener, PublicKey),
}

impl Listener {
    pub(super) async fn bind(encrypted: bool) -> io::Result<Self> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        if !encrypted {
            return Ok(Self::Plain(TcpListener::bind(any).await?));
        }
        let identity = fresh_identity();
        let listener = TlsListener::bind(any, identity.server_config(&[ALPN_SERVER])).await?;
        Ok(Self::Encrypted(listener, identity.public()))
    }

    pub(super) fn place(&self) -> io::Result<Place> {
        Ok(match self {
            Self::Plain(listener) => Place { address: listener.local_addr()?, key: None },
            Self::Encrypted(listener, key) => Place { address: listener.local_address(), key: Some(*key) },
        })
    }

    pub(super) async fn accept(&mut self) -> Result<Stream> {
        Ok(match self {
            Self::Plain(listener) => Stream::plain(listener.accept().await?.0)?,
            Self::Encrypted(listener, _) => {
                let connection = listener.accept().await.context("the listener ended")?;
                Stream::Encrypted(Box::new(TlsPipe::new(connection)))
            }
        })
    }
}

fn fresh_identity() -> Identity {
    Identity::new(SecretKey::from_seed(rand::random()))
}

pub(super) enum Stream {
    Plain(TcpStream),
    Encrypted(Box<TlsPipe>),
}

impl Stream {
    fn plain(tcp: TcpStream) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        Ok(Self::Plain(tcp))
    }

    /// An encrypted one speaks as a client of a messaging server does, under a fresh key.
    pub(super) async fn connect(to: Place) -> Result<Self> {
        let Some(key) = to.key else {
            return Ok(Self::plain(TcpStream::connect(to.address).await?)?);
        };
        let expect = Expect::Exactly(key);
        let connection = connect(to.address, &fresh_identity(), expect, ALPN_SERVER, CONNECT_TIMEOUT).await?;
        Ok(Self::Encrypted(Box::new(TlsPipe::new(connection))))
    }

    /// Appends what has arrived; zero at the end.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(tcp) => {
                buffer.reserve(CHUNK);
                poll_read_buf(Pin::new(tcp), cx, buffer)
            }
            Self::Encrypted(pipe) => pipe.poll_read(cx, buffer),
        }
    }

    /// Ready when all of `bytes` is taken and under way.
    pub(super) fn poll_write_all(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &mut impl Buf,
    ) -> Poll<io::Result<()>> {
        while bytes.has_remaining() {
            let written = match self {
                Self::Plain(tcp) => ready!(Pin::new(tcp).poll_write(cx, bytes.chunk())),
                Self::Encrypted(pipe) => ready!(pipe.poll_write(cx, &[IoSlice::new(bytes.chunk())])),
            }?;
            bytes.advance(written);
        }
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Encrypted(pipe) => pipe.poll_flush(cx),
        }
    }

    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Encrypted(pipe) => pipe.poll_close(cx),
        }
    }

    pub(super) async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, buffer)).await
    }

    pub(super) async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        poll_fn(|cx| self.poll_write_all(cx, &mut bytes)).await
    }

    pub(super) async fn close(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_close(cx)).await
    }
}
