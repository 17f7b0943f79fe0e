//! What an idle session costs.

use std::mem::forget;

use allocation_counter::measure;
use byway_base::limits::SESSION_MTU;
use tokio::runtime::Builder;

use super::links::Pair;

/// What quinn sets aside in each endpoint for packets that arrive. It comes zeroed from the system and takes memory only
/// where packets were written, which for sessions that receive little is the first few pages.
const RECEIVE_BUFFERS: u64 = 32 * SESSION_MTU as u64;
/// Bytes for one end of a session, its route, and the stream that keeps it.
const MOST: u64 = 64 * 1024;

/// Bytes on the heap for both ends of so many sessions with one stream each, and for what they share.
fn heap(sessions: u64) -> u64 {
    let counted = measure(|| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let kept = runtime.block_on(async {
            let pair = Pair::new(1);
            let mut listener = pair.listen();
            let mut kept = Vec::with_capacity(1_000);
            for _ in 0..sessions {
                let session = pair.session(&[0]).await;
                let stream = session.open().await.unwrap();
                kept.push((session, stream, listener.accept().await.unwrap()));
            }
            (pair, listener, kept)
        });
        forget((runtime, kept));
    });
    u64::try_from(counted.bytes_current).unwrap()
}

#[test]
fn an_idle_session_keeps_little_memory_at_each_end() {
    let (few, many) = (10, 110);
    let both_ends = (heap(many) - heap(few)) / (many - few);
    let end = both_ends / 2 - RECEIVE_BUFFERS;
    println!("{} KiB", end / 1024);
    assert!(end < MOST, "{end} bytes");
}
