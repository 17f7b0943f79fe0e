//! A transfer to an echo and back that goes on for as long as the test wants, and is compared as a whole.

use std::time::Duration;

use byway_app_sdk::Stream;
use byway_testkit::wait::until;
use sha2::{Digest, Sha256};
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::PATIENCE;

/// Bytes of a block.
const BLOCK: usize = 8 * 1024;
/// Pace of the blocks; leaves the processor to others and means nothing else.
const PACE: Duration = Duration::from_millis(4);
/// Bytes that must come back for the transfer to count as going on: more than what may have been on its way.
const PROGRESS: u64 = 1024 * 1024;

/// Bytes and their SHA-256.
type Sum = (u64, [u8; 32]);

/// A transfer that is under way. It has no end until [`Self::finish`].
pub struct Transfer {
    enough: watch::Sender<bool>,
    back: watch::Receiver<u64>,
    sent: JoinHandle<io::Result<Sum>>,
    received: JoinHandle<io::Result<Sum>>,
}

impl Transfer {
    /// Begins at once.
    #[must_use]
    pub fn over(stream: Stream) -> Self {
        let (mut reader, mut writer) = io::split(stream);
        let (enough, is_enough) = watch::channel(false);
        let (counter, back) = watch::channel(0);
        let sent = tokio::spawn(async move {
            let mut pace = interval(PACE);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let (mut count, mut hash) = (0, Sha256::new());
            while !*is_enough.borrow() {
                pace.tick().await;
                let block = block(count);
                writer.write_all(&block).await?;
                hash.update(&block);
                count += block.len() as u64;
            }
            writer.shutdown().await?;
            Ok((count, hash.finalize().into()))
        });
        let received = tokio::spawn(async move {
            let (mut count, mut hash) = (0, Sha256::new());
            let mut buffer = vec![0; BLOCK];
            loop {
                let length = reader.read(&mut buffer).await?;
                if length == 0 {
                    return Ok((count, hash.finalize().into()));
                }
                hash.update(&buffer[..length]);
                count += length as u64;
                counter.send_replace(count);
            }
        });
        Self { enough, back, sent, received }
    }

    /// Waits until bytes that were sent from now on have come back.
    pub async fn goes_on(&self) {
        let enough = *self.back.borrow() + PROGRESS;
        let look = async || {
            let back = *self.back.borrow();
            assert!(!self.sent.is_finished() && !self.received.is_finished(), "it broke after {back} bytes");
            if back >= enough { Ok(()) } else { Err(format!("{back} bytes came back, not {enough}")) }
        };
        until("progress of the transfer", PATIENCE, look).await;
    }

    /// Ends it and compares what came back with what was sent. Returns how many bytes that were.
    ///
    /// # Panics
    /// If it broke, or a byte is missing or another one.
    pub async fn finish(mut self) -> u64 {
        self.enough.send_replace(true);
        let ended = async { tokio::join!(&mut self.sent, &mut self.received) };
        let (sent, received) = timeout(PATIENCE, ended).await.expect("the rest comes back");
        let sum = |side: Result<io::Result<Sum>, _>| side.expect("a task ends").expect("the transfer holds");
        let (sent, received) = (sum(sent), sum(received));
        assert_eq!(sent, received, "what came back is something else");
        sent.0
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.sent.abort();
        self.received.abort();
    }
}

/// A block without a period, so that no two are alike.
fn block(from: u64) -> Vec<u8> {
    let words = (from / 8..).take(BLOCK / 8);
    words.flat_map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()).collect()
}
