//! A model that stands in for QUIC: a reliable transfer in both directions over packets that a route switch may lose.
//!
//! What matters for the cores under it is what QUIC does here too: packets as large as the path takes, a window of its
//! own, acknowledgements the other way, no slowing down for loss, everything unacknowledged sent again after a switch
//! and after silence.

use std::{collections::BTreeMap, time::Duration};

use bytes::{Buf, BufMut};
use byway_base::{Moment, limits::SESSION_WINDOW};

use crate::pattern;

const DATA: u8 = 0;
const ACK: u8 = 1;
/// Bytes before the data of a frame: kind and offset.
const HEAD: usize = 9;
/// Without progress for this long, what is unacknowledged is sent again; doubles up to [`RESEND_MAX`].
const RESEND_MIN: Duration = Duration::from_secs(1);
const RESEND_MAX: Duration = Duration::from_secs(8);

/// One end: sends `total` bytes, receives what the other sends.
#[derive(Debug, Clone)]
pub(crate) struct Transfer {
    salt: u64,
    other_salt: u64,
    total: u64,
    frame: usize,
    next: u64,
    acked: u64,
    resend_at: Moment,
    pause: Duration,
    received: u64,
    /// Begin and end of what came before its turn.
    ahead: BTreeMap<u64, u64>,
    owes_ack: bool,
    /// Bytes sent more than once.
    repeated: u64,
    sent_most: u64,
}

/// What came in is not what the other end sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session received bytes that its other end did not send")]
pub(crate) struct NotTheStream;

impl Transfer {
    /// The end `side` of the session `salt`, which sends `total` bytes in frames of `frame` bytes.
    pub(crate) fn new(salt: u64, side: usize, total: u64, frame: usize) -> Self {
        Self {
            salt: salt * 2 + side as u64,
            other_salt: salt * 2 + 1 - side as u64,
            total,
            frame: frame.max(HEAD + 1),
            next: 0,
            acked: 0,
            resend_at: Moment::ZERO,
            pause: RESEND_MIN,
            received: 0,
            ahead: BTreeMap::new(),
            owes_ack: false,
            repeated: 0,
            sent_most: 0,
        }
    }

    /// More to send.
    pub(crate) fn offer(&mut self, bytes: u64) {
        self.total += bytes;
    }

    /// What goes next, if there is anything that the window allows.
    pub(crate) fn peek(&self) -> Option<Vec<u8>> {
        if self.owes_ack {
            let mut frame = vec![ACK];
            frame.put_u64(self.received);
            return Some(frame);
        }
        let len = (self.total - self.next).min((self.frame - HEAD) as u64);
        if len == 0 || self.next + len > self.acked + SESSION_WINDOW as u64 {
            return None;
        }
        let mut frame = Vec::with_capacity(self.frame);
        frame.put_u8(DATA);
        frame.put_u64(self.next);
        frame.extend_from_slice(pattern::part(self.salt, self.next, len as usize));
        Some(frame)
    }

    /// The frame that [`Self::peek`] gave is on its way, or lost with a route that just ended.
    pub(crate) fn took(&mut self, now: Moment, frame: &[u8]) {
        if frame[0] == ACK {
            self.owes_ack = false;
            return;
        }
        if self.next == self.acked {
            self.resend_at = now + self.pause;
        }
        let end = self.next + (frame.len() - HEAD) as u64;
        self.repeated += self.sent_most.min(end).saturating_sub(self.next);
        self.next = end;
        self.sent_most = self.sent_most.max(end);
    }

    /// Takes a frame from the other end.
    pub(crate) fn handle(&mut self, now: Moment, mut frame: &[u8]) -> Result<(), NotTheStream> {
        let kind = frame.try_get_u8().map_err(|_| NotTheStream)?;
        let offset = frame.try_get_u64().map_err(|_| NotTheStream)?;
        if kind == ACK {
            self.acknowledged(now, offset);
            return Ok(());
        }
        if frame != pattern::part(self.other_salt, offset, frame.len()) {
            return Err(NotTheStream);
        }
        self.owes_ack = true;
        let end = offset + frame.len() as u64;
        let known = self.ahead.entry(offset).or_insert(end);
        *known = end.max(*known);
        while let Some(entry) = self.ahead.first_entry()
            && *entry.key() <= self.received
        {
            self.received = self.received.max(entry.remove());
        }
        Ok(())
    }

    fn acknowledged(&mut self, now: Moment, offset: u64) {
        if offset <= self.acked {
            return;
        }
        self.acked = offset;
        self.next = self.next.max(offset);
        self.pause = RESEND_MIN;
        self.resend_at = now + self.pause;
    }

    /// Everything unacknowledged goes again: the route that carried it is gone.
    pub(crate) fn resend(&mut self) {
        self.next = self.acked;
        self.owes_ack = true;
    }

    /// Sends again after silence.
    pub(crate) fn handle_timeout(&mut self, now: Moment) {
        if self.next > self.acked && now >= self.resend_at {
            self.resend();
            self.pause = (self.pause * 2).min(RESEND_MAX);
            self.resend_at = now + self.pause;
        }
    }

    /// Whether all that this end sends is acknowledged.
    pub(crate) const fn is_done(&self) -> bool {
        self.acked == self.total
    }

    /// Bytes received in order.
    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    pub(crate) const fn repeated(&self) -> u64 {
        self.repeated
    }

    /// How far it is, for a report.
    pub(crate) fn progress(&self) -> String {
        format!("{} of {} bytes acknowledged, {} sent", self.acked, self.total, self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_that_loses_every_third_frame_completes_unchanged() {
        let mut ends = [0, 1].map(|side| Transfer::new(7, side, 100_000, 1_000));
        let (mut now, mut count) = (Moment::ZERO, 0);
        while !ends.iter().all(Transfer::is_done) {
            now = now + Duration::from_millis(100);
            for side in [0, 1] {
                ends[side].handle_timeout(now);
                while let Some(frame) = ends[side].peek() {
                    ends[side].took(now, &frame);
                    count += 1;
                    if count % 3 != 0 {
                        ends[1 - side].handle(now, &frame).unwrap();
                    }
                }
            }
        }
        assert!(ends.iter().all(|end| end.received() == 100_000 && end.repeated() > 0));
    }

    #[test]
    fn bytes_of_another_stream_are_noticed() {
        let frame = Transfer::new(7, 0, 1_000, 500).peek().unwrap();
        Transfer::new(7, 1, 0, 500).handle(Moment::ZERO, &frame).unwrap();
        let stranger = Transfer::new(8, 1, 0, 500).handle(Moment::ZERO, &frame);
        assert_eq!(stranger, Err(NotTheStream));
    }
}
