//! Where a path puts the packets that it received.

use std::{io::IoSliceMut, net::SocketAddr};

use quinn::udp::RecvMeta;

/// Packets taken over at once. The endpoint asks again until the path has none, so that a larger number would only save
/// locking (not measurable above 4), while each more costs every endpoint one MTU of resident memory once it was used,
/// and more of them than fit the processor's cache cost time.
const BATCH: usize = 4;

/// The endpoint's receive buffers, filled front to back.
#[derive(Debug)]
pub struct RecvBatch<'a, 'b> {
    buffers: &'a mut [IoSliceMut<'b>],
    metas: &'a mut [RecvMeta],
    filled: usize,
}

impl<'a, 'b> RecvBatch<'a, 'b> {
    pub(super) fn new(buffers: &'a mut [IoSliceMut<'b>], metas: &'a mut [RecvMeta]) -> Self {
        Self { buffers, metas, filled: 0 }
    }

    /// Whether another packet can be pushed.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.filled < BATCH.min(self.buffers.len()).min(self.metas.len())
    }

    /// Copies in a packet from `from`. One that is empty, larger than the endpoint's MTU or pushed without room is
    /// dropped, as a network would: QUIC treats it as lost.
    pub fn push(&mut self, from: SocketAddr, packet: &[u8]) {
        if !self.has_room() {
            return;
        }
        let Some(buffer) = self.buffers[self.filled].get_mut(..packet.len()) else {
            tracing::debug!(bytes = packet.len(), "packet larger than the MTU of its virtual path dropped");
            return;
        };
        if packet.is_empty() {
            return;
        }
        buffer.copy_from_slice(packet);
        let mut meta = RecvMeta::default();
        (meta.addr, meta.len, meta.stride) = (from, packet.len(), packet.len());
        self.metas[self.filled] = meta;
        self.filled += 1;
    }

    pub(super) fn filled(&self) -> usize {
        self.filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_fill_the_batch_in_order_and_unfit_ones_are_dropped() {
        let from = SocketAddr::from(([192, 0, 2, 1], 9));
        let mut memory = [[0u8; 8]; 2];
        let mut buffers: Vec<_> = memory.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let mut metas = [RecvMeta::default(); 2];
        let mut batch = RecvBatch::new(&mut buffers, &mut metas);
        batch.push(from, b"");
        batch.push(from, b"too long for it");
        batch.push(from, b"one");
        batch.push(from, b"second");
        assert!(!batch.has_room());
        batch.push(from, b"third");
        assert_eq!(batch.filled(), 2);
        assert_eq!(metas.map(|meta| (meta.addr, meta.len)), [(from, 3), (from, 6)]);
        assert_eq!((&memory[0][..3], &memory[1][..6]), (&b"one"[..], &b"second"[..]));
    }
}
