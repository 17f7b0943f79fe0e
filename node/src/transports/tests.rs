//! Transports between two nodes, and a route over them.

use std::{collections::VecDeque, future::poll_fn, task::Poll};

use bytes::Bytes;
use byway_base::{RouteId, RoutingId, SecretKey};
use byway_net::Identity;
use byway_routing::{ForwarderConfig, RouteKey, RouteSide, RouteSpec, SendError};
use byway_transports::Context;
use tokio::time::timeout;

use super::*;
use crate::dataplane::{RouteWakers, Wakes};

/// Long enough for the slowest machine; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

struct End {
    key: PublicKey,
    dataplane: Arc<Dataplane>,
    transports: Transports,
    wakers: Arc<RouteWakers>,
}

impl End {
    async fn start(seed: u8) -> Self {
        let secret = SecretKey::from_seed([seed; 32]);
        let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let identity = Identity::new(secret.clone());
        let context = Context { identity, tcp_listen: any, quic_listen: any, messaging: None };
        let (registry, accepted) = Registry::start(secret.clone(), &context).await.unwrap();
        let (dataplane, _) = Dataplane::new(ForwarderConfig::default());
        let (events, stop) = (Events::new(), CancellationToken::new());
        let transports = Transports::start(
            secret.public(),
            registry,
            accepted,
            dataplane.clone(),
            (None, None),
            events,
            stop,
        );
        Self { key: secret.public(), dataplane, transports, wakers: Arc::default() }
    }

    async fn slot(&self, id: &TransportId) -> TransportSlot {
        let mut changes = self.transports.changes();
        loop {
            if let Some(slot) = self.transports.with_table(|table| table.get(id).map(|live| live.slot)) {
                return slot;
            }
            changes.changed().await.unwrap();
        }
    }

    fn install(&self, previous: Option<RouteSide>, next: Option<RouteSide>) -> RouteKey {
        let spec = RouteSpec { route: RouteId::from_bytes([1; 16]), previous, next };
        self.dataplane.install(spec, Some(self.wakers.clone())).unwrap()
    }
}

/// Sends `count` packets over a route between two ends, and checks what arrives.
async fn carry(one: &End, two: &End, id: &TransportId, count: u32) {
    let (slots, labels) = ([one.slot(id).await, two.slot(id).await], [RoutingId(1), RoutingId(2)]);
    let [here, there] = labels;
    let source = one.install(None, Some(RouteSide { transport: slots[0], label_in: here, label_out: there }));
    let destination =
        two.install(Some(RouteSide { transport: slots[1], label_in: there, label_out: here }), None);
    let payload = |number: u32| Bytes::from([&number.to_be_bytes()[..], &[7; 15_000]].concat());
    let mut waiting: VecDeque<_> = (0..count).map(payload).collect();
    let (mut wakes, mut arrived) = (Wakes::default(), Vec::new());
    poll_fn(|cx| {
        one.wakers.writable.register(cx.waker());
        two.wakers.readable.register(cx.waker());
        while let Some(packet) = waiting.front() {
            match one.dataplane.send(source, packet.clone(), &mut wakes) {
                Ok(()) => _ = waiting.pop_front(),
                Err(SendError::Full) => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(two.dataplane.receive(destination, usize::MAX, &mut arrived, &mut wakes));
        if arrived.len() < count as usize { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    assert!(arrived.iter().enumerate().all(|(number, packet)| *packet == payload(number as u32)));
}

#[tokio::test]
async fn a_route_over_a_transport_of_each_type_with_an_address_carries_data() {
    for kind in ["tcp", "quic"] {
        let (one, two) = (End::start(1).await, End::start(2).await);
        let kind: TransportType = kind.parse().unwrap();
        let address = two.transports.listen_address(kind.as_str()).unwrap();
        let known = [Candidate { kind: kind.clone(), address }];
        let id = one.transports.open_by(&kind, two.key, &known, Ways::All).await.unwrap();
        timeout(PATIENCE, carry(&one, &two, &id, 1_000)).await.unwrap();
        assert!(one.transports.close(&id));
        let mut changes = two.transports.changes();
        while two.transports.with_table(|table| table.get(&id).is_some()) {
            timeout(PATIENCE, changes.changed()).await.unwrap().unwrap();
        }
    }
}
