//! The loop that carries packets.

use std::{
    collections::BTreeMap,
    io::{self, PipeReader},
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use tun_rs::SyncDevice;

use super::Shared;
use crate::{
    Shape,
    device::MTU,
    wire::{Fate, Wire},
};

/// Packets read from a device before those that are due get their turn.
const BATCH: usize = 64;
/// Packets under way in one direction: a second of them at 500 Mbit/s. More would overflow.
const UNDER_WAY: usize = 42_000;
/// Shortest sleep: packets that are due within it go together, so that a link costs fewer turns of the scheduler.
const TICK: Duration = Duration::from_micros(200);

/// Both directions of a link.
pub(super) struct Carrier {
    devices: [SyncDevice; 2],
    ways: [Way; 2],
    shared: Arc<Shared>,
}

/// One direction: packets that were read from the device of its own index and are to be written to the other.
struct Way {
    wire: Wire,
    shape: Shape,
    /// By the time of arrival; the number keeps the order of those that arrive together.
    under_way: BTreeMap<(Instant, u64), Box<[u8]>>,
    number: u64,
}

impl Carrier {
    pub(super) fn new(devices: [SyncDevice; 2], shared: Arc<Shared>, seed: u64) -> Self {
        let now = Instant::now();
        let seed = seed.wrapping_mul(2);
        let ways = [seed, seed.wrapping_add(1)].map(|seed| Way {
            wire: Wire::new(seed, now),
            shape: Shape::default(),
            under_way: BTreeMap::new(),
            number: 0,
        });
        Self { devices, ways, shared }
    }

    /// Carries until `dead` is closed on its other side or a device is gone.
    pub(super) fn run(mut self, dead: &PipeReader) {
        let mut buffer = [0; MTU as usize];
        while let Ok([left, right]) = self.wait(dead) {
            let shapes = self.shared.shapes();
            for (index, readable) in [left, right].into_iter().enumerate() {
                self.ways[index].shape = shapes[index];
                if readable && self.read(index, &mut buffer).is_err() {
                    return;
                }
            }
            let now = Instant::now();
            self.deliver(0, now);
            self.deliver(1, now);
        }
    }

    /// Waits until a packet can be read or is due, and tells which device has some.
    fn wait(&self, dead: &PipeReader) -> io::Result<[bool; 2]> {
        let due = self.ways.iter().filter_map(Way::next).min();
        let due = due.map(|at| at.saturating_duration_since(Instant::now()).max(TICK));
        let due = due.and_then(|due| Timespec::try_from(due).ok());
        let [left, right] = &self.devices;
        let mut watched = [
            PollFd::new(left, PollFlags::IN),
            PollFd::new(right, PollFlags::IN),
            PollFd::new(dead, PollFlags::IN),
        ];
        match poll(&mut watched, due.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [left, right, dead] = watched.map(|one| !one.revents().is_empty());
        if dead { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok([left, right]) }
    }

    fn read(&mut self, index: usize, buffer: &mut [u8]) -> io::Result<()> {
        let counters = &self.shared.counters[index];
        for _ in 0..BATCH {
            match self.devices[index].recv(buffer) {
                Ok(count) => counters.count(self.ways[index].send(&buffer[..count]), count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The kernel takes each packet at once or not at all.
    fn deliver(&mut self, index: usize, now: Instant) {
        let (way, to) = (&mut self.ways[index], &self.devices[1 - index]);
        while let Some(packet) = way.take_due(now) {
            if to.send(&packet).is_err() {
                self.shared.counters[index].refused();
            }
        }
    }
}

impl Way {
    fn send(&mut self, packet: &[u8]) -> Fate {
        if self.under_way.len() >= UNDER_WAY {
            return Fate::Overflowed;
        }
        let fate = self.wire.send(&self.shape, Instant::now(), packet.len());
        if let Fate::Arrives(at) | Fate::ArrivesLate(at) = fate {
            self.under_way.insert((at, self.number), packet.into());
            self.number += 1;
        }
        fate
    }

    /// When the next packet arrives.
    fn next(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    fn take_due(&mut self, now: Instant) -> Option<Box<[u8]>> {
        let first = self.under_way.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }
}
