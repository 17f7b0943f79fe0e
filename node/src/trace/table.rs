//! Who waits for the answers on which route.

use std::{collections::BTreeMap, sync::Arc};

use byway_base::limits::{HOPS_MAX, TRACE_COUNT_MAX, TRACES_AT_ONCE};
use byway_routing::RouteKey;
use parking_lot::Mutex;
use tokio::{sync::mpsc, time::Instant};

use super::RouteEnd;

/// What the data half says about a route that is traced.
#[derive(Debug, Clone, Copy)]
pub(super) enum Heard {
    /// Somebody answered.
    Answer { token: u64, at: Instant },
    /// The route is gone.
    Ended(RouteEnd),
}

/// The traces under way. What nobody waits for is dropped.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    waiting: BTreeMap<u64, (RouteKey, mpsc::Sender<Heard>)>,
}

/// A place in the table; given back when dropped.
#[derive(Debug)]
pub(super) struct Listening {
    traces: Arc<Traces>,
    number: u64,
    heard: mpsc::Receiver<Heard>,
}

impl Traces {
    /// Listens for what is said about a route. None if [`TRACES_AT_ONCE`] listen already.
    pub(super) fn listen(self: &Arc<Self>, key: RouteKey) -> Option<Listening> {
        // As many as there can be answers. What exceeds them was not asked for, and may be lost.
        let (sender, heard) = mpsc::channel(HOPS_MAX * TRACE_COUNT_MAX as usize + 1);
        let mut table = self.table.lock();
        if table.waiting.len() >= TRACES_AT_ONCE {
            return None;
        }
        let number = table.next;
        table.next += 1;
        table.waiting.insert(number, (key, sender));
        Some(Listening { traces: self.clone(), number, heard })
    }

    /// A node answered on a route.
    pub(crate) fn answered(&self, key: RouteKey, token: u64) {
        self.tell(key, Heard::Answer { token, at: Instant::now() });
    }

    /// A route is gone.
    pub(crate) fn route_ended(&self, key: RouteKey, end: RouteEnd) {
        self.tell(key, Heard::Ended(end));
    }

    fn tell(&self, key: RouteKey, heard: Heard) {
        for (_, sender) in self.table.lock().waiting.values().filter(|(waiting, _)| *waiting == key) {
            // Full: somebody floods. The trace goes by what it has heard when its time is over.
            let _ = sender.try_send(heard);
        }
    }
}

impl Listening {
    /// The next thing that is said. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.traces.table.lock().waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use byway_base::{Moment, RouteId, RoutingId};
    use byway_routing::{Forwarder, ForwarderConfig, RouteSide, RouteSpec};

    use super::*;

    /// The keys of two routes.
    fn keys() -> [RouteKey; 2] {
        let mut forwarder = Forwarder::new(ForwarderConfig::default());
        let transport = forwarder.add_transport(Moment::ZERO);
        [1, 2].map(|number| {
            let next = RouteSide {
                transport,
                label_in: RoutingId(u32::from(number)),
                label_out: RoutingId(u32::from(number)),
            };
            let route = RouteId::from_bytes([number; 16]);
            let spec = RouteSpec { route, previous: None, next: Some(next) };
            forwarder.install(Moment::ZERO, spec).unwrap()
        })
    }

    #[tokio::test]
    async fn a_place_is_given_back_by_whoever_leaves_and_there_are_no_more_than_the_limit() {
        let traces = Arc::new(Traces::default());
        let [key, _] = keys();
        let mut held: Vec<_> = (0..TRACES_AT_ONCE).map(|_| traces.listen(key).unwrap()).collect();
        assert!(traces.listen(key).is_none());
        held.pop();
        assert!(traces.listen(key).is_some());
        held.clear();
        assert!(traces.table.lock().waiting.is_empty());
    }

    #[tokio::test]
    async fn what_is_said_reaches_those_who_trace_that_route_and_a_flood_holds_no_more_than_their_room() {
        let traces = Arc::new(Traces::default());
        let [key, other] = keys();
        let mut heard = traces.listen(key).unwrap();
        traces.answered(other, 7);
        for token in 0..100_000 {
            traces.answered(key, token);
        }
        assert_eq!(heard.heard.len(), HOPS_MAX * TRACE_COUNT_MAX as usize + 1);
        assert!(matches!(heard.next().await, Some(Heard::Answer { token: 0, .. })));
    }
}
