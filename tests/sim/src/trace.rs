//! The hash of everything that happened, in order.

use std::{
    io::{Write, stderr},
    sync::atomic::{AtomicBool, Ordering},
};

use byway_base::Moment;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// Set once by the program that wants to see the events of its runs.
static PRINTED: AtomicBool = AtomicBool::new(false);

/// Prints every event from now on to standard error, for the study of a seed that fails.
pub fn print_events() {
    PRINTED.store(true, Ordering::Relaxed);
}

/// Two runs that did the same have the same digest; two that differ in one event have different ones.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hash: Sha256,
    events: u64,
}

impl Trace {
    /// Notes an event: when, what, and what tells it apart from others of its kind.
    pub(crate) fn note(&mut self, at: Moment, what: &str, numbers: &[u64], bytes: &[u8]) {
        self.events += 1;
        self.hash.update((at.since_origin().as_nanos() as u64).to_be_bytes());
        self.hash.update(what.as_bytes());
        numbers.iter().for_each(|number| self.hash.update(number.to_be_bytes()));
        self.hash.update(bytes);
        if PRINTED.load(Ordering::Relaxed) {
            let (time, bytes) = (at.since_origin(), HEXLOWER.encode(&bytes[..bytes.len().min(16)]));
            // Nobody listens: fine.
            let _ = writeln!(stderr(), "{:.6} {what} {numbers:?} {bytes}", time.as_secs_f64());
        }
    }

    pub(crate) const fn events(&self) -> u64 {
        self.events
    }

    /// The first sixteen bytes as text.
    pub(crate) fn digest(&self) -> String {
        HEXLOWER.encode(&self.hash.clone().finalize()[..16])
    }
}
