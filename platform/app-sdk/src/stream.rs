//! A byte stream between two apps, as the local API carries it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use byway_base::Problem;
use http::{HeaderMap, Response, StatusCode, header::UPGRADE};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::UnixStream,
};

use crate::{connection, reply};

/// A byte stream to an app on another node.
///
/// Shutting down the writing half ends the other side's reading and leaves this side's reading open. Dropping it ends
/// both. The local API carries bytes alone: a stream that was cut and one that was ended look alike, so an app that
/// must tell them apart marks the end itself.
#[derive(Debug)]
pub struct Stream {
    io: UnixStream,
    /// What came right behind the head of the answer.
    early: Bytes,
}

impl Stream {
    /// The stream that the connection of `response` has become, and the head that came with it.
    pub(crate) async fn upgraded(
        response: Response<Incoming>,
        protocol: &str,
    ) -> Result<(Self, HeaderMap), Problem> {
        let response = reply::successful(response).await?;
        let headers = response.headers().clone();
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS
            && headers.get(UPGRADE).is_some_and(|switched| switched == protocol);
        if !switched {
            return Err(reply::foreign(format!("it did not switch to `{protocol}`")));
        }
        let upgraded = hyper::upgrade::on(response).await.map_err(|error| connection::broke(&error))?;
        let parts = upgraded.downcast::<TokioIo<UnixStream>>();
        let parts = parts.expect("what is upgraded is the unix socket that was opened for it");
        Ok((Self { io: parts.io.into_inner(), early: parts.read_buf }, headers))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let length = self.early.len().min(buf.remaining());
        buf.put_slice(&self.early[..length]);
        self.early.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
