//! One UDP socket for QUIC and for what is not QUIC.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr, UdpSocket},
    pin::Pin,
    sync::{Arc, OnceLock, Weak},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use byway_base::limits::SIDE_CHANNEL_QUEUE;
use byway_traversal::stun::is_stun;
use parking_lot::Mutex;
use quinn::{
    AsyncUdpSocket, Runtime, TokioRuntime, UdpPoller,
    udp::{RecvMeta, Transmit},
};
use tokio::sync::mpsc;

/// What is not QUIC on the socket of a [`UdpEndpoint`](super::UdpEndpoint): STUN, told apart by its first bytes (RFC
/// 9443). Cheap to clone; follows the endpoint to another socket. Does not keep the endpoint open.
///
/// IPv4 addresses are given and taken as such, though the socket may serve both families.
#[derive(Debug, Clone)]
pub struct SideChannel(Weak<Side>);

impl SideChannel {
    /// Sends at once or not at all: where the socket is full, or has no way to that address, the datagram is lost, as it
    /// may be on the way.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`] if the endpoint is gone.
    pub fn send(&self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        let side = self.0.upgrade().ok_or(io::ErrorKind::NotConnected)?;
        let (socket, ipv6) = side.socket.lock().clone();
        let to = match (to.ip(), ipv6) {
            (IpAddr::V4(ip), true) => SocketAddr::new(ip.to_ipv6_mapped().into(), to.port()),
            (IpAddr::V6(_), false) => return Ok(()),
            _ => to,
        };
        let transmit =
            Transmit { destination: to, ecn: None, contents: datagram, segment_size: None, src_ip: None };
        if let Err(error) = socket.try_send(&transmit) {
            tracing::trace!(%to, %error, "datagram beside QUIC not sent");
        }
        Ok(())
    }

    /// The receiving end, the first time; `None` after that, or if the endpoint is gone. What arrives before is dropped.
    #[must_use]
    pub fn receiver(&self) -> Option<SideReceiver> {
        let (inbox, receiver) = mpsc::channel(SIDE_CHANNEL_QUEUE);
        self.0.upgrade()?.inbox.set(inbox).ok()?;
        Some(SideReceiver(receiver))
    }
}

/// Where datagrams that are not QUIC arrive. [`SIDE_CHANNEL_QUEUE`] of them wait; further ones are dropped.
#[derive(Debug)]
pub struct SideReceiver(mpsc::Receiver<(SocketAddr, Bytes)>);

impl SideReceiver {
    /// The next datagram and where it came from; `None` after the endpoint is gone.
    ///
    /// # Cancel safety
    /// No datagram is lost if the future is dropped.
    pub async fn recv(&mut self) -> Option<(SocketAddr, Bytes)> {
        self.0.recv().await
    }
}

/// A socket of the system, and whether it is one of IPv6.
type Inner = (Arc<dyn AsyncUdpSocket>, bool);

/// What outlives a change of socket.
#[derive(Debug)]
pub(super) struct Side {
    socket: Mutex<Inner>,
    inbox: OnceLock<mpsc::Sender<(SocketAddr, Bytes)>>,
}

impl Side {
    pub(super) fn channel(self: &Arc<Self>) -> SideChannel {
        SideChannel(Arc::downgrade(self))
    }

    /// Sends through another socket from now on.
    pub(super) fn follow(&self, socket: &SharedSocket) {
        self.socket.lock().clone_from(&socket.inner);
    }

    fn received(&self, from: SocketAddr, datagram: &[u8]) {
        let Some(inbox) = self.inbox.get() else { return };
        // Reserved first, so that what is dropped costs no copy.
        let Ok(place) = inbox.try_reserve() else { return };
        place
            .send((SocketAddr::new(from.ip().to_canonical(), from.port()), Bytes::copy_from_slice(datagram)));
    }
}

/// The socket as quinn sees it. It passes everything through but STUN.
#[derive(Debug)]
pub(super) struct SharedSocket {
    inner: Inner,
    side: Arc<Side>,
}

impl SharedSocket {
    /// The first socket of an endpoint.
    pub(super) fn first(socket: UdpSocket) -> io::Result<(Self, Arc<Side>)> {
        let inner = wrap(socket)?;
        let side = Arc::new(Side { socket: Mutex::new(inner.clone()), inbox: OnceLock::new() });
        Ok((Self { inner, side: side.clone() }, side))
    }

    /// The next socket of the same endpoint. [`Side::follow`] it when it is in use.
    pub(super) fn next(socket: UdpSocket, side: &Arc<Side>) -> io::Result<Self> {
        Ok(Self { inner: wrap(socket)?, side: side.clone() })
    }

    /// Takes STUN out of a buffer. It may hold several datagrams of one sender, each of `stride` bytes but the last, which
    /// may be shorter (generic receive offload); the others move up.
    fn divide(&self, buffer: &mut [u8], meta: &mut RecvMeta) {
        let length = meta.len.min(buffer.len());
        if meta.stride == 0 || !buffer[..length].chunks(meta.stride).any(is_stun) {
            return;
        }
        let (mut at, mut kept) = (0, 0);
        while at < length {
            let end = length.min(at + meta.stride);
            if is_stun(&buffer[at..end]) {
                self.side.received(meta.addr, &buffer[at..end]);
            } else {
                buffer.copy_within(at..end, kept);
                kept += end - at;
            }
            at = end;
        }
        meta.len = kept;
    }
}

fn wrap(socket: UdpSocket) -> io::Result<Inner> {
    let ipv6 = socket.local_addr()?.is_ipv6();
    Ok((TokioRuntime.wrap_udp_socket(socket)?, ipv6))
}

impl AsyncUdpSocket for SharedSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.inner.0.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.inner.0.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        // A batch of nothing but STUN is a batch of empty buffers, which quinn passes over.
        let received = ready!(self.inner.0.poll_recv(cx, buffers, metas))?;
        for (buffer, meta) in buffers.iter_mut().zip(metas).take(received) {
            self.divide(buffer, meta);
        }
        Poll::Ready(Ok(received))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.0.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.inner.0.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.0.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.0.may_fragment()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUN: [u8; 20] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7];

    fn quic(fill: u8) -> [u8; 20] {
        [0x40 | fill; 20]
    }

    /// What is left for QUIC of a buffer with these datagrams, and how many came beside it.
    fn divided(datagrams: &[&[u8]]) -> (Vec<u8>, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _inside = runtime.enter();
        let (socket, side) = SharedSocket::first(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
        let mut receiver = side.channel().receiver().unwrap();
        let mut buffer = datagrams.concat();
        let mut meta = RecvMeta::default();
        (meta.len, meta.stride) = (buffer.len(), datagrams.first().map_or(0, |first| first.len()));
        meta.addr = "[::ffff:192.0.2.1]:9".parse().unwrap();
        // Behind what was received there is rubbish of the time before.
        buffer.extend_from_slice(&STUN);
        socket.divide(&mut buffer, &mut meta);
        let mut beside = 0;
        while let Ok((from, datagram)) = receiver.0.try_recv() {
            assert_eq!(from, "192.0.2.1:9".parse().unwrap());
            assert!(is_stun(&datagram));
            beside += 1;
        }
        (buffer[..meta.len].to_vec(), beside)
    }

    #[test]
    fn each_datagram_of_a_buffer_goes_where_it_belongs() {
        let (a, b, short) = (quic(1), quic(2), [0x43; 5]);
        assert_eq!(divided(&[&a, &b, &short]), ([&a[..], &b, &short].concat(), 0));
        assert_eq!(divided(&[&STUN]), (vec![], 1));
        assert_eq!(divided(&[&STUN, &a, &STUN, &b, &short]), ([&a[..], &b, &short].concat(), 2));
        assert_eq!(divided(&[&a, &STUN]), (a.to_vec(), 1));
        assert_eq!(divided(&[]), (vec![], 0));
    }

    #[test]
    fn a_first_byte_of_stun_alone_makes_no_stun() {
        // A packet of QUIC with a greased fixed bit (RFC 9287).
        let greased = [0x02; 20];
        assert_eq!(divided(&[&greased]), (greased.to_vec(), 0));
    }
}
