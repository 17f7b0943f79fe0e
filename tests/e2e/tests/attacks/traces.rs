//! Row 10: a hop that stops is found from the source, whatever the nodes on the path say.

use byway_base::RoutingId;
use byway_node::{HopTrace, Node, PathChoice, Trace, TraceStep, TraceTarget, Verdict};
use byway_testkit::wait::until;
use byway_wire::{Kind, Packet, Reason, packet::FLAG_ANSWER};
use tokio::time::timeout;

use crate::support::{HandNode, PATIENCE, Plane, dial_echo, echo, key, secret, tcp_between};

/// Answers that nobody asked for, sent for each question.
const FORGED: u64 = 500;

fn target(peer: &Node, count: u32) -> TraceTarget {
    TraceTarget { peer: peer.key(), choice: None, route: None, count }
}

async fn finish(mut trace: Trace) -> (Vec<HopTrace>, Verdict) {
    let mut hops = Vec::new();
    loop {
        match timeout(PATIENCE, trace.next()).await.unwrap().unwrap() {
            TraceStep::Hop(hop) => hops.push(hop),
            TraceStep::Ended(verdict) => return (hops, verdict),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_names_every_node_of_a_route_and_the_transport_that_is_lost_under_it() {
    let plane = Plane::start().await;
    let setup_node = plane.setup_node().await;
    let nodes = plane.row(&[1, 2, 3, 4], &[setup_node.key]).await;
    let (source, destination) = (&nodes[0], &nodes[3]);
    let trace = source.trace(target(destination, 3)).await.unwrap();
    assert!(!trace.in_use);
    assert_eq!(trace.hops.iter().map(|hop| hop.to).collect::<Vec<_>>(), [2, 3, 4].map(key));
    let (hops, verdict) = finish(trace).await;
    assert_eq!(verdict, Verdict::default());
    for (hop, number) in hops.iter().zip(1..) {
        assert_eq!((hop.number, hop.sent, hop.answered), (number, 3, 3), "{hop:?}");
        assert!(hop.least.unwrap() <= hop.median.unwrap() && hop.added.is_some(), "{hop:?}");
    }
    // What was installed for the trace goes with it.
    let gone = async || match nodes.iter().map(Node::rules).sum() {
        0 => Ok(()),
        rules => Err(format!("{rules} rules are left")),
    };
    until("end of the trial route", PATIENCE, gone).await;

    echo(destination);
    let _stream = dial_echo(source, destination, PathChoice::default()).await;
    let trace = source.trace(target(destination, 20)).await.unwrap();
    assert!(trace.in_use);
    assert!(nodes[1].close_transport(&tcp_between(key(2), key(3))));
    let (_, Verdict { broken, ended }) = finish(trace).await;
    let ended = ended.unwrap();
    assert_eq!((broken, ended.reason, ended.distance), (Some(2), Reason::TransportLost, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_names_the_hop_that_carries_nothing_however_many_answers_are_forged() {
    let plane = Plane::start().await;
    let setup_node = plane.setup_node().await;
    let source = plane.node(1, &[setup_node.key]).await;
    let destination = plane.node(3, &[setup_node.key]).await;
    let mut stalled = HandNode::between(&plane, &secret(2), &source, &destination).await;
    plane.path_known(&source, destination.key()).await;
    let trace = source.trace(target(&destination, 3)).await.unwrap();
    tokio::spawn(async move {
        let crossing = stalled.crossing().await;
        let sender = stalled.previous.sender();
        let answer = |label: RoutingId, token: u64| {
            let payload = [&[0][..], &token.to_be_bytes()].concat();
            sender.send(&Packet { flags: FLAG_ANSWER, ..Packet::new(Kind::Trace, label, payload.into()) });
        };
        while let Some(packet) = stalled.previous.receive().await {
            // It answers for itself and forges the rest; what should go on, goes nowhere.
            if let Some((0, token)) = packet.trace() {
                answer(crossing.backward.1, token);
                answer(crossing.backward.1, token);
                (0..FORGED).for_each(|forged| answer(crossing.backward.1, forged));
            }
        }
    });
    let (hops, verdict) = finish(trace).await;
    assert_eq!((hops[0].sent, hops[0].answered), (3, 3), "{hops:?}");
    assert_eq!((hops[1].sent, hops[1].answered), (3, 0), "{hops:?}");
    assert_eq!(verdict, Verdict { broken: Some(2), ended: None });
    assert!(source.counters().stray_control >= FORGED);
}
