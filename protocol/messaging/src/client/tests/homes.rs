//! Which servers a client stays connected to.

use super::*;
use crate::client::homes::{DRAINED_AWAY, LEAVE_AFTER};

#[test]
fn two_servers_are_dialled_and_published_once_they_are_up() {
    let mut core = ClientCore::new(key(100), 2, 1);
    core.learn_servers([server(1), server(2), server(3)], at(0));
    let dialled = connects(&mut core);
    assert_eq!(dialled.len(), 2);
    core.link_up(dialled[0], at(10));
    assert_eq!(effects(&mut core), [Effect::Publish { servers: vec![dialled[0]] }]);
    core.link_up(dialled[1], at(20));
    let mut both = dialled.clone();
    both.sort();
    assert_eq!(effects(&mut core), [Effect::Publish { servers: both }]);
}

#[test]
fn servers_of_different_regions_and_with_free_places_are_preferred() {
    let region =
        |n, region: &str, clients| ServerInfo { region: region.into(), capacity: 100, clients, ..server(n) };
    let mut core = ClientCore::new(key(100), 2, 1);
    let full = region(4, "south", 100);
    core.learn_servers([region(1, "north", 0), region(2, "north", 0), region(3, "east", 80), full], at(0));
    let dialled = connects(&mut core);
    assert!(dialled.contains(&key(3)) && !dialled.contains(&key(4)), "{dialled:?}");
}

#[test]
fn clients_spread_over_equal_servers() {
    let mut chosen = BTreeMap::<_, u32>::new();
    for n in 0..200 {
        let mut core = ClientCore::new(key(n), 1, 1);
        core.learn_servers((200..204).map(server), at(0));
        *chosen.entry(connects(&mut core)[0]).or_default() += 1;
    }
    assert!(chosen.len() == 4 && chosen.values().all(|count| *count > 20), "{chosen:?}");
}

#[test]
fn a_lost_server_is_replaced_within_the_time_that_spreads_its_clients_and_tried_again_after_pauses() {
    let mut core = connected(&[server(1), server(2), server(3)]);
    let (lost, stays) = (core.delegated()[0], core.delegated()[1]);
    core.link_down(lost, at(1_000));
    assert!(connects(&mut core).is_empty());
    let now = pass(&mut core, at(1_000) + redial::spread(&server(1)));
    let replacement = connects(&mut core);
    assert!(replacement.len() == 1 && ![lost, stays].contains(&replacement[0]), "{replacement:?}");
    core.link_down(replacement[0], now);
    let now = pass(&mut core, now + 2 * redial::spread(&server(1)));
    assert!([lost, replacement[0]].contains(&connects(&mut core)[0]) && now > at(1_000));
}

#[test]
fn attempts_that_fail_come_ever_more_rarely() {
    let mut core = ClientCore::new(key(100), 1, 1);
    core.learn_servers([server(1)], at(0));
    let (mut now, mut pauses) = (at(0), Vec::new());
    for _ in 0..12 {
        assert_eq!(connects(&mut core), [key(1)]);
        core.link_down(key(1), now);
        let next = pass(&mut core, now + Duration::from_secs(60));
        pauses.push(next - now);
        now = next;
    }
    let (early, late) = (pauses[1], pauses[11]);
    assert!(early <= redial::spread(&server(1)), "{pauses:?}");
    assert!(late >= Duration::from_secs(15) && late <= Duration::from_secs(30), "{pauses:?}");
    // A connection that held for a while was no failure.
    core.link_up(key(1), now);
    core.link_down(key(1), now + redial::LIVED);
    effects(&mut core);
    let next = pass(&mut core, now + Duration::from_secs(60));
    assert!(next - now <= redial::LIVED + redial::spread(&server(1)));
}

#[test]
fn a_draining_server_is_left_after_its_replacement_was_published() {
    let mut core = connected(&[server(1), server(2), server(3)]);
    let (drains, stays) = (core.delegated()[0], core.delegated()[1]);
    core.draining(drains, at(1_000));
    // It is withdrawn at once, but left only when the replacement has been known for a while.
    assert_eq!(effects(&mut core), [Effect::Publish { servers: vec![stays] }]);
    let now = pass(&mut core, at(9_000));
    let new = connects(&mut core)[0];
    core.link_up(new, now);
    assert!(!core.delegated().contains(&drains) && core.delegated().contains(&new));
    effects(&mut core);
    let left = pass(&mut core, at(60_000));
    assert_eq!(left, now + LEAVE_AFTER);
    assert_eq!(effects(&mut core), [Effect::Disconnect { server: drains }]);
    // Should a home be lacking later, the server may be back.
    for other in [new, stays] {
        core.link_down(other, left);
    }
    core.handle_timeout(left + DRAINED_AWAY);
    assert!(connects(&mut core).contains(&drains));
}

#[test]
fn the_only_server_is_not_left_because_it_drains() {
    let mut core = connected(&[server(1)]);
    core.draining(key(1), at(0));
    core.handle_timeout(at(10_000));
    assert!(effects(&mut core).is_empty() && core.is_connected());
}

fn placed(n: u8, region: &str, clients: u32) -> ServerInfo {
    ServerInfo { region: region.into(), capacity: 100, clients, ..server(n) }
}

/// What the core asks about when it looks around the next time, and when.
fn next_look(core: &mut ClientCore, now: Moment) -> (Vec<PublicKey>, Moment) {
    let now = pass(core, now + Duration::from_secs(3_600));
    let asked = effects(core).into_iter().filter_map(|effect| match effect {
        Effect::Probe { server, .. } => Some(server),
        _ => None,
    });
    (asked.collect(), now)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_clearly_nearer_server_is_moved_to_and_the_old_one_stays_connected_while_it_is_used() {
    let mut core = connected(&[server(1), server(2)]);
    core.link_rtt(key(1), millis(20));
    core.link_rtt(key(2), millis(100));
    core.learn_servers([server(3), server(4)], at(0));
    let (asked, now) = next_look(&mut core, at(0));
    assert_eq!(asked.len(), 2);
    core.probed(key(3), Some(millis(15)));
    core.probed(key(4), None);
    let now = pass(&mut core, now + millis(10_000));
    assert_eq!(connects(&mut core), [key(3)]);
    // Nothing changes for peers until the better one is connected.
    assert_eq!(core.delegated().len(), 2);
    core.heard(key(PEER), key(2), now);
    core.link_up(key(3), now);
    let mut homes = vec![key(1), key(3)];
    homes.sort();
    assert_eq!(effects(&mut core), [Effect::Publish { servers: homes }]);
    assert_eq!(core.way(key(PEER), true, now), Way::Through(key(2)));
    effects(&mut core);
    let left = pass(&mut core, now + Duration::from_secs(120));
    assert_eq!(effects(&mut core), [Effect::Disconnect { server: key(2) }]);
    assert_eq!(left, now + byway_base::limits::MESSAGING_IDLE);
}

#[test]
fn small_differences_and_noise_move_nobody() {
    let mut core = connected(&[server(1), server(2)]);
    core.learn_servers([server(3)], at(0));
    let mut now = at(0);
    for round in 0..50 {
        let noise = millis(round % 13);
        core.link_rtt(key(1), millis(30) + noise);
        core.link_rtt(key(2), millis(38) + noise * 20);
        core.link_rtt(key(2), millis(38));
        let (asked, looked) = next_look(&mut core, now);
        assert_eq!(asked, [key(3)]);
        core.probed(key(3), Some(millis(27)));
        now = pass(&mut core, looked + millis(10_000));
        assert!(connects(&mut core).is_empty());
    }
}

#[test]
fn an_overloaded_home_is_left_and_so_is_a_second_one_of_the_same_operator() {
    for (worse, better) in
        [(placed(2, "east", 90), placed(3, "south", 10)), (placed(2, "north", 10), placed(3, "east", 10))]
    {
        let mut core = connected(&[placed(1, "north", 10), worse]);
        core.learn_servers([better], at(0));
        for n in [1, 2] {
            core.link_rtt(key(n), millis(20));
        }
        let (_, now) = next_look(&mut core, at(0));
        core.probed(key(3), Some(millis(25)));
        let now = pass(&mut core, now + millis(10_000));
        assert_eq!(connects(&mut core), [key(3)]);
        core.link_up(key(3), now);
        assert!(core.delegated().contains(&key(3)) && core.delegated().len() == 2);
    }
}

#[test]
fn a_better_server_that_does_not_come_up_changes_nothing() {
    let mut core = connected(&[server(1), server(2)]);
    core.link_rtt(key(1), millis(200));
    core.link_rtt(key(2), millis(200));
    core.learn_servers([server(3)], at(0));
    let before = core.delegated().to_vec();
    let (_, now) = next_look(&mut core, at(0));
    core.probed(key(3), Some(millis(5)));
    let now = pass(&mut core, now + millis(10_000));
    assert_eq!(connects(&mut core), [key(3)]);
    core.link_down(key(3), now);
    pass(&mut core, now + Duration::from_secs(600));
    assert!(effects(&mut core).is_empty());
    assert_eq!(core.delegated(), before);
}
