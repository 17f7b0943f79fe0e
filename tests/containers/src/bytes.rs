//! The app whose transfers must not fail: it sends bytes that everybody can make again.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};

use crate::{
    command::{Failure, pause},
    say,
};

/// The seed of the bytes.
const SEED: u64 = 0x0062_7977_6179;
/// Bytes written or read at once.
const PIECE: usize = 64 * 1024;
/// A transfer that stands still for this long has failed.
const STALL: Duration = Duration::from_secs(60);

/// Sends to everybody who asks as many bytes as they ask for.
///
/// # Errors
/// If it cannot listen.
pub(crate) fn serve(listen: &str) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new(format_args!("listen on {listen}"), error);
    let listener = TcpListener::bind(listen).map_err(failed)?;
    loop {
        let (stream, _) = listener.accept().map_err(failed)?;
        // Who hangs up has failed by itself, and says so there.
        thread::spawn(move || answer(stream));
    }
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut count = [0; 8];
    stream.read_exact(&mut count)?;
    let (mut left, mut random, mut piece) =
        (u64::from_be_bytes(count), StdRng::seed_from_u64(SEED), [0; PIECE]);
    while left > 0 {
        random.fill_bytes(&mut piece);
        let length = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        stream.write_all(&piece[..length])?;
        left -= length as u64;
    }
    stream.flush()
}

/// Asks for `count` bytes, takes `rate` of them in a second at most, and compares what came with what was sent.
///
/// # Errors
/// If the transfer breaks, stands still, or brings other bytes.
pub(crate) fn fetch(from: &str, count: &str, rate: &str) -> Result<(), Failure> {
    let failed =
        |why: &dyn std::fmt::Display| Failure::new(format_args!("fetch {count} bytes from {from}"), why);
    let count: u64 = count.parse().map_err(|error| failed(&error))?;
    let rate: f64 = rate.parse().map_err(|error| failed(&error))?;
    let mut stream = TcpStream::connect(from).map_err(|error| failed(&error))?;
    let sent = stream.set_read_timeout(Some(STALL)).and_then(|()| stream.write_all(&count.to_be_bytes()));
    sent.map_err(|error| failed(&error))?;
    let (mut came, mut hash, mut piece, begun) = (0, Sha256::new(), [0; PIECE], Instant::now());
    while came < count {
        let read = stream.read(&mut piece).map_err(|error| failed(&error))?;
        if read == 0 {
            return Err(failed(&format_args!("it ended after {came}")));
        }
        hash.update(&piece[..read]);
        came += read as u64;
        let due = Duration::from_secs_f64(came as f64 / rate);
        pause(due.saturating_sub(begun.elapsed()));
    }
    if hash.finalize() != expected(count) {
        return Err(failed(&"other bytes came than were sent"));
    }
    say(&format!("{count} bytes, SHA-256 as sent"));
    Ok(())
}

fn expected(count: u64) -> sha2::digest::Output<Sha256> {
    let (mut left, mut random, mut piece, mut hash) =
        (count, StdRng::seed_from_u64(SEED), [0; PIECE], Sha256::new());
    while left > 0 {
        random.fill_bytes(&mut piece);
        let length = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        hash.update(&piece[..length]);
        left -= length as u64;
    }
    hash.finalize()
}
