//! Several tasks waiting for one event.

use std::{
    sync::Arc,
    task::{Wake, Waker},
};

use parking_lot::Mutex;
use slab::Slab;

/// Wakers of any number of tasks that wait for the same event. As an [`Arc`] it is a waker itself, which wakes them all:
/// so a source of events that keeps a single waker can serve many tasks.
///
/// Bounded by its slots: a task that waits again, or goes away, leaves nothing behind.
#[derive(Debug, Default)]
pub struct WakerSet {
    slots: Mutex<Slab<Option<Waker>>>,
}

/// A task's place in a [`WakerSet`], given back on drop.
#[derive(Debug)]
pub struct WakerSlot {
    set: Arc<WakerSet>,
    key: usize,
}

impl WakerSet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A place for one task.
    #[must_use]
    pub fn slot(self: &Arc<Self>) -> WakerSlot {
        let key = self.slots.lock().insert(None);
        WakerSlot { set: self.clone(), key }
    }

    /// Wakes every waiting task, outside of the lock.
    pub fn wake_all(&self) {
        let wakers: Vec<Waker> = self.slots.lock().iter_mut().filter_map(|(_, waker)| waker.take()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Wake for WakerSet {
    fn wake(self: Arc<Self>) {
        self.wake_all();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all();
    }
}

impl WakerSlot {
    /// Waits: the next [`WakerSet::wake_all`] wakes `waker`. Replaces what this slot waited with before.
    pub fn wait(&self, waker: &Waker) {
        let mut slots = self.set.slots.lock();
        match &mut slots[self.key] {
            Some(kept) => kept.clone_from(waker),
            empty => *empty = Some(waker.clone()),
        }
    }

    /// No longer waits.
    pub fn leave(&self) {
        self.set.slots.lock()[self.key] = None;
    }
}

impl Drop for WakerSlot {
    fn drop(&mut self) {
        self.set.slots.lock().remove(self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn one_event_wakes_every_waiting_task_once_and_no_other() {
        let set = WakerSet::new();
        let counts: [Arc<Count>; 4] = std::array::from_fn(|_| Arc::default());
        let slots: Vec<_> = (0..4).map(|_| set.slot()).collect();
        slots[0].wait(&counts[0].clone().into());
        slots[1].wait(&counts[0].clone().into());
        slots[1].wait(&counts[1].clone().into());
        slots[2].wait(&counts[2].clone().into());
        slots[2].leave();
        Waker::from(set.clone()).wake();
        set.wake_all();
        assert_eq!(counts.each_ref().map(|count| count.0.load(Ordering::Relaxed)), [1, 1, 0, 0]);
    }

    #[test]
    fn a_task_that_goes_away_leaves_no_waker_behind() {
        let set = WakerSet::new();
        let count = Arc::<Count>::default();
        for _ in 0..100 {
            set.slot().wait(&count.clone().into());
        }
        assert_eq!((Arc::strong_count(&count), set.slots.lock().len()), (1, 0));
    }
}
