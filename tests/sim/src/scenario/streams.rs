//! Streams of one session over a route that is lost, seen or unseen, while an app leaves one of them unread.

use std::time::Duration;

use byway_base::limits::SESSION_STREAM_WINDOW;

use super::{end, recover};
use crate::{
    breach::Breach,
    summary::Summary,
    world::{Damage, NodeIx, Plan, SessionIx, Shape, World},
};

const STREAMS: usize = 4;
/// What each round gives every stream. The unread one fills its window in the first.
const EACH: u64 = 5_000_000;
/// A lost route is a pause and nothing else: a probe timeout of QUIC when both ends are told, and before it three late
/// probes of the route group when nobody is. Each is at most doubled by one more loss.
const PAUSE_SEEN: Duration = Duration::from_millis(500);
const PAUSE_UNSEEN: Duration = Duration::from_secs(6);

pub(super) fn run(seed: u64) -> Result<Summary, Breach> {
    let mut world = World::ring(seed, 4, 0, |_| Shape::new(50, 10));
    let session = world.session(Plan { streams: STREAMS, ..Plan::new(NodeIx(0), NodeIx(2), 0) });
    world.run(Duration::from_secs(2))?;
    let unread = world.dice.below(STREAMS);
    world.set_app(session, 1, unread, false);
    let mut pauses = Vec::new();
    for (silent, most) in [(false, PAUSE_SEEN), (true, PAUSE_UNSEEN)] {
        let pause = lose_a_route(&mut world, session, silent)?;
        if pause > most {
            let promised = format!("at most {:.3}", most.as_secs_f64());
            let (what, measured) = ("pause after a lost route in seconds", pause.as_secs_f64().into());
            return Err(Breach::Measure { what, measured, promised });
        }
        others_arrive(&mut world, session, unread)?;
        pauses.push(format!("{:.0} ms", pause.as_secs_f64() * 1e3));
    }
    world.set_app(session, 1, unread, true);
    recover(&mut world, Duration::from_secs(30))?;
    let stood = world.sessions[session.0].life == 0;
    end(&mut world)?;
    let mut summary = world.summary();
    if !stood {
        return Err(Breach::NotRecovered { session: session.0, what: "it was begun anew".to_owned() });
    }
    summary.measures.push(("pauses after a lost route, seen and unseen:", pauses.join(", ")));
    Ok(summary)
}

/// Loses a transport of the active route amid a transfer. Answers the longest time in which no byte reached the app.
fn lose_a_route(world: &mut World, session: SessionIx, silent: bool) -> Result<Duration, Breach> {
    // The spare is there, and warm.
    world.run(Duration::from_secs(8))?;
    world.offer(session, EACH * STREAMS as u64);
    let lead = world.dice.between(Duration::from_millis(200), Duration::from_millis(600));
    world.run(lead)?;
    let active = world.sessions[session.0].groups[0].view().first().map(|view| view.route);
    let link = active.and_then(|route| world.registry.get(&route)).map(|record| record.links.clone());
    let Some(links) = link else {
        return Err(Breach::NotRecovered { session: session.0, what: "it has no route".to_owned() });
    };
    let link = links[world.dice.below(links.len())];
    let (at, heals_after) = (world.now, Duration::from_secs(4));
    world.plan_damage(at, Damage::Cut { link, silent, heals_after });
    let (mut before, mut since, mut longest) = (world.sessions[session.0].received(1), at, Duration::ZERO);
    while world.now < at + 2 * PAUSE_UNSEEN && !is_through(world, session) {
        world.run(Duration::from_millis(5))?;
        let received = world.sessions[session.0].received(1);
        if received > before {
            (before, since) = (received, world.now);
        }
        longest = longest.max(world.now - since);
    }
    Ok(longest)
}

/// All streams but the unread one have everything, and that one has nothing.
fn others_arrive(world: &mut World, session: SessionIx, unread: usize) -> Result<(), Breach> {
    world.run_while(Duration::from_secs(20), |world| !is_through(world, session))?;
    let streams = world.sessions[session.0].ends[1].streams();
    if is_through(world, session) && streams.received_on(unread) == 0 {
        return Ok(());
    }
    let what = format!("with a stream unread the others stand at {}", streams.progress());
    Err(Breach::NotRecovered { session: session.0, what })
}

/// Whether all streams but one have everything.
fn is_through(world: &World, session: SessionIx) -> bool {
    let state = &world.sessions[session.0];
    let share = state.plan.bytes[0] / STREAMS as u64;
    (0..STREAMS).filter(|stream| state.ends[1].streams().received_on(*stream) == share).count() == STREAMS - 1
}

// An app that reads nothing is more than the window of its stream behind, or it would hold nothing back.
const _: () = assert!(EACH > SESSION_STREAM_WINDOW as u64);
