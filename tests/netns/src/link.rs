//! A link between two namespaces: two TUN devices, and a thread that carries packets from one to the other.

mod carrier;
mod tally;

use std::{
    io::{self, PipeWriter},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use crate::{LabError, Plug, Shape, device};
use carrier::Carrier;
use tally::Counters;
pub use tally::Tally;

/// A running link. Dropping it removes its devices, as pulling out both ends of a cable would.
#[derive(Debug)]
pub struct Link {
    plugs: [Plug; 2],
    shared: Arc<Shared>,
    /// Closed so that the thread ends.
    alive: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and the owner have in common.
#[derive(Debug)]
struct Shared {
    shapes: Mutex<[Shape; 2]>,
    counters: [Counters; 2],
}

impl Shared {
    fn shapes(&self) -> [Shape; 2] {
        *self.shapes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// Lays a link. Packets from the left to the right are treated by the first shape, the others by the second. What
    /// happens to the n-th packet of a direction depends on the seed only.
    ///
    /// # Errors
    /// If a device cannot be made or the thread not be started.
    pub fn lay(left: Plug, right: Plug, shapes: [Shape; 2], seed: u64) -> Result<Self, LabError> {
        let devices = [device::open(&left)?, device::open(&right)?];
        let shared = Arc::new(Shared { shapes: Mutex::new(shapes), counters: Default::default() });
        let (dead, alive) = io::pipe().map_err(LabError::system::<io::Error>("open a pipe"))?;
        let carrier = Carrier::new(devices, shared.clone(), seed);
        let thread = thread::Builder::new().name("link".to_owned());
        let thread = thread.spawn(move || carrier.run(&dead));
        let thread = thread.map_err(LabError::system::<io::Error>("start a thread"))?;
        Ok(Self { plugs: [left, right], shared, alive: Some(alive), thread: Some(thread) })
    }

    /// Treats packets differently from now on; those under way arrive as it was decided.
    pub fn reshape(&self, shapes: [Shape; 2]) {
        *self.shared.shapes.lock().unwrap_or_else(PoisonError::into_inner) = shapes;
    }

    /// What became of the packets so far, from the left to the right and from the right to the left.
    #[must_use]
    pub fn tally(&self) -> [Tally; 2] {
        [self.shared.counters[0].read(), self.shared.counters[1].read()]
    }

    /// Packets that were lost since the machine was too busy to run the link; with any, measurements tell nothing.
    ///
    /// # Errors
    /// If a device is gone.
    pub fn overruns(&self) -> Result<u64, LabError> {
        let [left, right] = &self.plugs;
        Ok(device::overruns(left)? + device::overruns(right)?)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(Err(panicked)) = self.thread.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            std::panic::resume_unwind(panicked);
        }
    }
}
