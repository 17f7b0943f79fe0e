//! A stream that is in use for the whole of a test.

use byway_app_sdk::Stream;
use byway_testkit::wait::until;
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    sync::watch,
    task::JoinHandle,
    time::{Duration, MissedTickBehavior, interval},
};

use crate::PATIENCE;

/// Bytes of a block.
const BLOCK: usize = 4096;
/// Blocks that must come back for the stream to count as going on. More than what may have been on its way.
const BLOCKS: u64 = 20;
/// Pace of the blocks; leaves the processor to others and means nothing else.
const PACE: Duration = Duration::from_millis(5);

/// Sends numbered blocks to an echo, one after the other, and checks each that comes back.
pub struct LiveStream {
    echoed: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl LiveStream {
    /// Begins at once.
    #[must_use]
    pub fn over(mut stream: Stream) -> Self {
        let (counter, echoed) = watch::channel(0);
        let task = tokio::spawn(async move {
            let mut pace = interval(PACE);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for number in 0.. {
                pace.tick().await;
                if let Err(error) = echo(&mut stream, number).await {
                    panic!("block {number} of the live stream did not come back: {error}");
                }
                counter.send_replace(number + 1);
            }
        });
        Self { echoed, task }
    }

    /// Waits until blocks that were sent from now on have come back.
    pub async fn goes_on(&self) {
        let enough = *self.echoed.borrow() + BLOCKS;
        let look = async || {
            let echoed = *self.echoed.borrow();
            assert!(!self.task.is_finished(), "the live stream broke after {echoed} blocks");
            if echoed >= enough { Ok(()) } else { Err(format!("{echoed} blocks came back, not {enough}")) }
        };
        until("progress of the live stream", PATIENCE, look).await;
    }
}

impl Drop for LiveStream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn echo(stream: &mut Stream, number: u64) -> io::Result<()> {
    let mut block = [0; BLOCK];
    for (i, word) in block.chunks_exact_mut(8).enumerate() {
        word.copy_from_slice(&number.wrapping_mul(BLOCK as u64).wrapping_add(i as u64).to_be_bytes());
    }
    stream.write_all(&block).await?;
    let mut back = [0; BLOCK];
    stream.read_exact(&mut back).await?;
    if back == block { Ok(()) } else { Err(io::Error::other("it was changed on the way")) }
}
