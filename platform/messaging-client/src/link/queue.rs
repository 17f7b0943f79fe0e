//! What waits to be sent to one server.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use byway_base::limits::{MESSAGING_MTU, MESSAGING_SEND_QUEUE};
use byway_net::virtual_path::PathFull;
use byway_wire::messaging::{FRAME_HEAD_MAX, FRAME_HEADER, Frame};
use parking_lot::Mutex;

use super::gate::Gate;

/// Room that a writable queue has at least: one packet of the path's MTU as a frame.
const ONE_PACKET: usize = FRAME_HEAD_MAX + MESSAGING_MTU;

/// A bounded queue of encoded frames between all connections of the endpoint and one link's task.
#[derive(Debug)]
pub(crate) struct SendQueue {
    queue: Mutex<Queue>,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Queue {
    frames: Vec<u8>,
    /// Taken by the task, not yet by the socket.
    under_way: usize,
    task: Option<Waker>,
    /// A packet was refused; counted by the gate until there is room.
    refusing: bool,
    /// The socket takes nothing: packets are dropped rather than refused.
    stalled: bool,
}

impl Queue {
    fn has_room(&self) -> bool {
        self.stalled || self.frames.len() + self.under_way + ONE_PACKET <= MESSAGING_SEND_QUEUE
    }
}

impl SendQueue {
    pub(crate) fn new(gate: Arc<Gate>) -> Arc<Self> {
        Arc::new(Self { queue: Mutex::default(), gate })
    }

    /// Queues a packet, which is to follow `head`, a frame without a payload: the only copy on this side.
    ///
    /// A queue that moves refuses what does not fit. One that stands still, because the server or the way to it died,
    /// drops instead: refusing would make the connections that use other servers wait as well.
    pub(crate) fn push_packet(&self, head: &Frame, packet: &[u8]) -> Result<(), PathFull> {
        let task = {
            let mut queue = self.queue.lock();
            if !queue.has_room() {
                if !std::mem::replace(&mut queue.refusing, true) {
                    self.gate.refuse();
                }
                return Err(PathFull);
            }
            if queue.stalled {
                return Ok(());
            }
            write_head(head, packet.len(), &mut queue.frames);
            queue.frames.extend_from_slice(packet);
            queue.task.take()
        };
        task.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Queues a ping or pong. Dropped if the queue is far beyond its limit: the peer then reads nothing anyway.
    pub(crate) fn push_control(&self, frame: &Frame) {
        let task = {
            let mut queue = self.queue.lock();
            if queue.frames.len() < 2 * MESSAGING_SEND_QUEUE {
                frame.write(&mut queue.frames);
            }
            queue.task.take()
        };
        task.into_iter().for_each(Waker::wake);
    }

    /// Swaps everything queued for the empty `out`. Pending, with the waker kept, if there is nothing.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<()> {
        let mut queue = self.queue.lock();
        if queue.frames.is_empty() {
            queue.task = Some(cx.waker().clone());
            // Idle links keep no buffer.
            queue.frames = Vec::new();
            return Poll::Pending;
        }
        queue.under_way = queue.frames.len();
        std::mem::swap(&mut queue.frames, out);
        Poll::Ready(())
    }

    /// The socket took `bytes` of what was taken out.
    pub(crate) fn sent(&self, bytes: usize) {
        self.change(|queue| {
            queue.under_way -= bytes.min(queue.under_way);
            queue.stalled = false;
        });
    }

    /// The socket took nothing for a while.
    pub(crate) fn stall(&self) {
        self.change(|queue| queue.stalled = true);
    }

    fn change(&self, change: impl FnOnce(&mut Queue)) {
        let reopens = {
            let mut queue = self.queue.lock();
            change(&mut queue);
            let reopens = queue.refusing && queue.has_room();
            queue.refusing &= !reopens;
            reopens
        };
        if reopens {
            self.gate.admit();
        }
    }
}

impl Drop for SendQueue {
    fn drop(&mut self) {
        if self.queue.get_mut().refusing {
            self.gate.admit();
        }
    }
}

/// Writes the head of a frame whose payload of `length` bytes follows.
fn write_head(frame: &Frame, length: usize, out: &mut Vec<u8>) {
    let start = out.len();
    frame.write(out);
    let body = out.len() - start - FRAME_HEADER + length;
    let body = u16::try_from(body).expect("a packet of the MTU fits a frame");
    out[start + 2..start + 4].copy_from_slice(&body.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use byway_base::SecretKey;
    use std::task::Waker;

    use super::*;

    fn head() -> Frame {
        Frame::Send { destination: SecretKey::from_seed([1; 32]).public(), payload: Bytes::new() }
    }

    fn taken(queue: &SendQueue) -> Vec<u8> {
        let mut out = Vec::new();
        let _ = queue.poll_take(&mut Context::from_waker(Waker::noop()), &mut out);
        out
    }

    fn is_open(gate: &Gate) -> bool {
        gate.poll_open(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn queued_packets_are_whole_frames_whichever_way_they_go() {
        let queue = SendQueue::new(Arc::default());
        let [near, far] = [2, 3].map(|seed| SecretKey::from_seed([seed; 32]).public());
        let frames = |payload: Bytes| {
            let forward = Frame::Forward { server: near, destination: far, payload: payload.clone() };
            [Frame::Send { destination: near, payload }, forward]
        };
        frames(Bytes::new()).iter().for_each(|head| queue.push_packet(head, b"packet").unwrap());
        queue.push_control(&Frame::Ping(7));
        let mut bytes = BytesMut::from(&taken(&queue)[..]);
        for frame in frames(Bytes::from_static(b"packet")) {
            assert_eq!(Frame::take(&mut bytes), Ok(Some(frame)));
        }
        assert_eq!(Frame::take(&mut bytes), Ok(Some(Frame::Ping(7))));
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_full_queue_refuses_and_closes_the_gate_until_the_socket_took_enough() {
        let gate = Arc::<Gate>::default();
        let queue = SendQueue::new(gate.clone());
        let packet = [0; MESSAGING_MTU];
        while queue.push_packet(&head(), &packet).is_ok() {}
        assert!(!is_open(&gate));
        let bytes = taken(&queue).len();
        assert!(bytes <= MESSAGING_SEND_QUEUE && queue.push_packet(&head(), &packet).is_err());
        queue.sent(bytes);
        assert!(is_open(&gate) && queue.push_packet(&head(), &packet).is_ok());
    }

    #[test]
    fn a_queue_that_stands_still_drops_and_opens_the_gate_for_others() {
        let gate = Arc::<Gate>::default();
        let queue = SendQueue::new(gate.clone());
        while queue.push_packet(&head(), &[0; MESSAGING_MTU]).is_ok() {}
        queue.stall();
        assert!(is_open(&gate) && queue.push_packet(&head(), b"lost").is_ok());
        queue.sent(1);
        assert!(queue.push_packet(&head(), b"refused").is_err() && !is_open(&gate));
        drop(queue);
        assert!(is_open(&gate));
    }
}
