//! Asks and listens.

use std::collections::BTreeMap;

use byway_base::limits::{TRACE_PACE, TRACE_WAIT};
use byway_routing::RouteKey;
use tokio::{
    sync::mpsc::Sender,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    TraceStep,
    report::Report,
    table::{Heard, Listening},
};
use crate::dataplane::Dataplane;

/// Asks every node of a route `count` times and tells what comes of it. Returns when all have answered, the route is
/// gone, [`TRACE_WAIT`] is over since the last was asked, or nobody listens any more.
pub(super) async fn gather(
    dataplane: &Dataplane,
    key: RouteKey,
    hops: usize,
    count: u32,
    mut heard: Listening,
    tell: &Sender<TraceStep>,
) {
    let mut report = Report::new(hops, count);
    let mut sent: BTreeMap<u64, Instant> = BTreeMap::new();
    let mut rounds = interval(TRACE_PACE);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut left, mut deadline) = (count, Instant::now() + TRACE_WAIT);
    while !report.is_over() {
        tokio::select! {
            _ = rounds.tick(), if left > 0 => {
                left -= 1;
                deadline = Instant::now() + TRACE_WAIT;
                for hop in 0..hops {
                    // At random, so that only a node that the question has reached can answer it.
                    let token = rand::random();
                    report.sent(hop, token);
                    sent.insert(token, Instant::now());
                    dataplane.send_trace(key, hop as u8 + 1, token);
                }
            }
            said = heard.next() => match said {
                Some(Heard::Answer { token, at }) => {
                    if let Some(sent) = sent.remove(&token) {
                        report.answered(token, at - sent);
                    }
                }
                Some(Heard::Ended(end)) => report.ended(end),
                None => return,
            },
            () = sleep_until(deadline), if left == 0 => break,
        }
        while let Some(hop) = report.next_hop(false) {
            if tell.send(TraceStep::Hop(hop)).await.is_err() {
                return;
            }
        }
    }
    while let Some(hop) = report.next_hop(true) {
        if tell.send(TraceStep::Hop(hop)).await.is_err() {
            return;
        }
    }
    // The listener may have left by now.
    let _ = tell.send(TraceStep::Ended(report.verdict())).await;
}
