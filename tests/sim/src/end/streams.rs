//! What the app at one end of a session writes to its streams and reads from them, every byte checked.
//!
//! The source opens the streams. As in production a stream begins with one byte each way, so that its opener knows that
//! it was taken. What follows can be told by stream, direction and offset, so that a byte that is missing, doubled, out
//! of order or of another stream is noticed where it stands.

use quinn_proto::{Connection, Dir, StreamId};

use super::Fault;
use crate::pattern::{self, PART};

/// First byte of a stream, each way.
const HELLO: u8 = 1;
/// Most streams of a session.
const STREAMS_MAX: usize = 16;

/// The streams of one end.
pub(crate) struct Streams {
    /// Tells the session from others, and its lives from each other.
    salt: u64,
    side: usize,
    all: Vec<Stream>,
}

struct Stream {
    id: Option<StreamId>,
    greeted: bool,
    /// The other end's greeting came.
    heard: bool,
    /// The app reads what comes.
    reads: bool,
    /// Bytes to write after the greeting.
    total: u64,
    written: u64,
    received: u64,
}

impl Streams {
    /// `count` streams of the session `salt` over which the end `side` sends `total` bytes.
    pub(crate) fn new(salt: u64, side: usize, count: usize, total: u64) -> Self {
        let fresh = || Stream {
            id: None,
            greeted: false,
            heard: false,
            reads: true,
            total: 0,
            written: 0,
            received: 0,
        };
        let all = std::iter::repeat_with(fresh).take(count.clamp(1, STREAMS_MAX)).collect();
        let mut streams = Self { salt, side, all };
        streams.offer(total);
        streams
    }

    /// More to send, the same for each stream.
    pub(crate) fn offer(&mut self, bytes: u64) {
        let count = self.all.len() as u64;
        for (number, stream) in (0..).zip(&mut self.all) {
            stream.total += bytes / count + u64::from(number < bytes % count);
        }
    }

    /// The app reads a stream from now on, or does not, if there is that stream.
    pub(crate) fn set_reads(&mut self, stream: usize, reads: bool) {
        self.all.get_mut(stream).into_iter().for_each(|stream| stream.reads = reads);
    }

    /// Whether all streams stand: bytes went there and back on each.
    pub(crate) fn are_open(&self) -> bool {
        self.all.iter().all(|stream| stream.heard)
    }

    /// Whether the other end took a stream.
    pub(super) fn is_any_open(&self) -> bool {
        self.all.iter().any(|stream| stream.heard)
    }

    /// Bytes to send, over all streams.
    pub(crate) fn total(&self) -> u64 {
        self.all.iter().map(|stream| stream.total).sum()
    }

    /// Bytes that the app has written, over all streams.
    pub(crate) fn written(&self) -> u64 {
        self.all.iter().map(|stream| stream.written).sum()
    }

    /// Bytes that the app has read, over all streams.
    pub(crate) fn received(&self) -> u64 {
        self.all.iter().map(|stream| stream.received).sum()
    }

    /// Bytes that the app has read from one stream.
    pub(crate) fn received_on(&self, stream: usize) -> u64 {
        self.all[stream].received
    }

    /// How far they are, for a report.
    pub(crate) fn progress(&self) -> String {
        format!("{} of {} bytes written, {} read", self.written(), self.total(), self.received())
    }

    /// Opens or takes streams, writes and reads as far as QUIC lets.
    pub(super) fn work(&mut self, connection: &mut Connection) -> Result<(), Fault> {
        self.open(connection);
        (0..self.all.len()).try_for_each(|number| self.read(number, connection))?;
        (0..self.all.len()).for_each(|number| self.write(number, connection));
        Ok(())
    }

    fn open(&mut self, connection: &mut Connection) {
        if self.side == 0 {
            for stream in self.all.iter_mut().filter(|stream| stream.id.is_none()) {
                stream.id = connection.streams().open(Dir::Bi);
            }
        }
        while let Some(id) = connection.streams().accept(Dir::Bi) {
            let stream = usize::try_from(id.index()).ok().and_then(|number| self.all.get_mut(number));
            stream.into_iter().for_each(|stream| stream.id = Some(id));
        }
    }

    fn write(&mut self, number: usize, connection: &mut Connection) {
        let salt = self.salt_of(number, self.side);
        let stream = &mut self.all[number];
        let Some(id) = stream.id else { return };
        if !stream.greeted && (self.side == 0 || stream.heard) {
            stream.greeted = connection.send_stream(id).write(&[HELLO]).is_ok();
        }
        while stream.greeted && stream.heard && stream.written < stream.total {
            let len = (stream.total - stream.written).min(PART as u64) as usize;
            let part = pattern::part(salt, stream.written, len);
            match connection.send_stream(id).write(part) {
                Ok(taken) => stream.written += taken as u64,
                // No room. That it is lost would show as a connection that is.
                Err(_) => break,
            }
        }
    }

    fn read(&mut self, number: usize, connection: &mut Connection) -> Result<(), Fault> {
        let salt = self.salt_of(number, 1 - self.side);
        let stream = &mut self.all[number];
        let Some(id) = stream.id.filter(|_| stream.reads || !stream.heard) else { return Ok(()) };
        let mut receiving = connection.recv_stream(id);
        let Ok(mut chunks) = receiving.read(true) else { return Ok(()) };
        let mut result = Ok(());
        // The greeting alone first: an app that does not read takes no more.
        while result.is_ok()
            && (stream.reads || !stream.heard)
            && let Ok(Some(chunk)) = chunks.next(if stream.heard { PART } else { 1 })
        {
            result = stream.take(number, salt, &chunk.bytes);
        }
        // What is to go out is asked for after every packet.
        let _ = chunks.finalize();
        result
    }

    fn salt_of(&self, number: usize, side: usize) -> u64 {
        (self.salt * STREAMS_MAX as u64 + number as u64) * 2 + side as u64
    }
}

impl Stream {
    fn take(&mut self, number: usize, salt: u64, bytes: &[u8]) -> Result<(), Fault> {
        let due = if self.heard { pattern::part(salt, self.received, bytes.len()) } else { &[HELLO] };
        if bytes != due {
            return Err(Fault::Bytes { stream: number, from: self.received, len: bytes.len() });
        }
        self.received += if self.heard { bytes.len() as u64 } else { 0 };
        self.heard = true;
        Ok(())
    }
}
