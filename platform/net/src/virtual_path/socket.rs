//! A [`VirtualPath`] in the place of quinn's UDP socket.

use std::{
    fmt,
    io::{self, IoSliceMut},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use quinn::{
    AsyncUdpSocket, UdpPoller,
    udp::{RecvMeta, Transmit},
};

use super::{RecvBatch, VirtualPath, WakerSet, WakerSlot};

/// Adapts a path to quinn. Every connection polls for writability on its own; the path sees one waker for all.
pub(crate) struct VirtualSocket {
    path: Arc<dyn VirtualPath>,
    local: SocketAddr,
    writers: Arc<WakerSet>,
    /// `writers` as the waker that the path keeps; made once, so that polling allocates nothing.
    any_writer: Waker,
}

impl VirtualSocket {
    pub(crate) fn new(path: Arc<dyn VirtualPath>, local: SocketAddr) -> Self {
        let writers = WakerSet::new();
        Self { path, local, any_writer: writers.clone().into(), writers }
    }
}

impl AsyncUdpSocket for VirtualSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Writer { slot: self.writers.slot(), socket: self })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        // One packet a transmit: `max_transmit_segments` is 1. A path may fill up in the middle of several, and quinn
        // would then send the first ones twice.
        debug_assert!(transmit.segment_size.is_none_or(|size| size >= transmit.contents.len()));
        self.path
            .try_send(transmit.destination, transmit.contents)
            .map_err(|_| io::ErrorKind::WouldBlock.into())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut batch = RecvBatch::new(buffers, metas);
        self.path.poll_recv(cx, &mut batch).map(|()| Ok(batch.filled()))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

impl fmt::Debug for VirtualSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualSocket").field("path", &self.path).field("local", &self.local).finish()
    }
}

/// One connection's interest in writability.
#[derive(Debug)]
struct Writer {
    socket: Arc<VirtualSocket>,
    slot: WakerSlot,
}

impl UdpPoller for Writer {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Most polls find room; only the others need to register. Registering comes before asking again, so that room
        // made in between still wakes this task.
        let mut all = Context::from_waker(&self.socket.any_writer);
        if self.socket.path.poll_writable(&mut all).is_ready() {
            return Poll::Ready(Ok(()));
        }
        self.slot.wait(cx.waker());
        self.socket.path.poll_writable(&mut all).map(|()| {
            self.slot.leave();
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
    };

    use parking_lot::Mutex;

    use super::*;
    use crate::virtual_path::PathFull;

    /// Has room or not as the test says, and keeps the latest waker only, as the trait allows.
    #[derive(Debug, Default)]
    struct Gate {
        open: Mutex<bool>,
        waker: Mutex<Option<Waker>>,
    }

    impl VirtualPath for Gate {
        fn try_send(&self, _to: SocketAddr, _packet: &[u8]) -> Result<(), PathFull> {
            if *self.open.lock() { Ok(()) } else { Err(PathFull) }
        }

        fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
            if *self.open.lock() {
                return Poll::Ready(());
            }
            *self.waker.lock() = Some(cx.waker().clone());
            Poll::Pending
        }

        fn poll_recv(&self, _cx: &mut Context<'_>, _batch: &mut RecvBatch<'_, '_>) -> Poll<()> {
            Poll::Pending
        }
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn every_connection_that_waits_for_room_is_woken_though_the_path_keeps_one_waker() {
        let gate = Arc::<Gate>::default();
        let socket = Arc::new(VirtualSocket::new(gate.clone(), ([192, 0, 2, 1], 1).into()));
        let mut pollers = [(); 3].map(|()| socket.clone().create_io_poller());
        let counts = [(); 3].map(|()| Arc::<Count>::default());
        let poll = |poller: &mut Pin<Box<dyn UdpPoller>>, count: &Arc<Count>| {
            let waker = Waker::from(count.clone());
            poller.as_mut().poll_writable(&mut Context::from_waker(&waker)).is_ready()
        };
        assert!(pollers.iter_mut().zip(&counts).all(|(poller, count)| !poll(poller, count)));
        *gate.open.lock() = true;
        let waker = gate.waker.lock().take().unwrap();
        waker.wake();
        assert_eq!(counts.each_ref().map(|count| count.0.load(Ordering::Relaxed)), [1, 1, 1]);
        assert!(pollers.iter_mut().zip(&counts).all(|(poller, count)| poll(poller, count)));
    }

    #[test]
    fn a_full_path_makes_the_endpoint_wait_and_is_never_an_error() {
        let gate = Arc::<Gate>::default();
        let socket = VirtualSocket::new(gate.clone(), ([192, 0, 2, 1], 1).into());
        let destination = ([192, 0, 2, 2], 1).into();
        let transmit = Transmit { destination, ecn: None, contents: b"x", segment_size: None, src_ip: None };
        assert_eq!(socket.try_send(&transmit).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        *gate.open.lock() = true;
        socket.try_send(&transmit).unwrap();
    }
}
