//! Every scenario with a handful of seeds. Failures print the command that repeats them; more seeds are for the program.

use byway_sim::{SCENARIOS, Summary, find};

/// Runs a scenario with some seeds, each twice.
fn run(name: &str, seeds: std::ops::RangeInclusive<u64>) -> Vec<Summary> {
    let scenario = find(name).unwrap_or_else(|| panic!("there is no scenario '{name}'"));
    let run = |seed| {
        scenario.run_twice(seed).unwrap_or_else(|breach| panic!("{breach}\n  {}", scenario.replay(seed)))
    };
    seeds.map(run).collect()
}

fn count(summary: &Summary, fault: &str) -> u64 {
    summary.faults.get(fault).copied().unwrap_or(0)
}

#[test]
fn under_every_fault_at_once_the_promises_hold_and_everything_recovers() {
    for summary in run("everything", 1..=2) {
        assert!(summary.faults.len() >= 10 && summary.told > 50 && summary.packets > 1_000, "{summary}");
    }
}

#[test]
fn thousands_of_nodes_and_routes_live_through_faults_in_one_process() {
    for summary in run("large", 1..=1) {
        assert!(summary.nodes >= 2_000 && summary.routes >= 4_000, "{summary}");
        assert!(count(&summary, "crash") > 0 && count(&summary, "lost transport") > 0, "{summary}");
    }
}

#[test]
fn setup_messages_lost_doubled_and_reordered_and_crashes_between_steps_leave_nothing_behind() {
    for summary in run("setup", 1..=4) {
        let faults = ["lost setup message", "doubled setup message", "setup node crash", "crash"];
        assert!(faults.iter().all(|fault| count(&summary, fault) > 0), "{summary}");
    }
}

#[test]
fn a_route_that_lived_through_stalls_is_as_fast_as_before() {
    run("stalls", 1..=2);
}

#[test]
fn a_dead_reader_and_a_stalled_hop_leave_the_delivery_times_of_other_routes_as_they_are() {
    run("fairness", 1..=1);
}

#[test]
fn the_queues_of_a_node_with_a_thousand_dead_readers_stay_within_its_memory() {
    run("memory", 1..=1);
}

#[test]
fn one_route_fills_a_long_fat_link_over_one_two_and_three_hops() {
    run("long-link", 0..=2);
}

#[test]
fn little_is_queued_before_a_slow_hop_and_the_hop_is_kept_busy() {
    run("slow-hop", 0..=3);
}

#[test]
fn two_disjoint_routes_carry_a_striped_session_nearly_twice_as_fast() {
    run("striping", 1..=2);
}

#[test]
fn a_session_outlives_its_routes_and_an_unread_stream_holds_no_other_back() {
    for summary in run("streams", 1..=2) {
        let faults = ["lost transport", "silently lost transport"];
        assert!(faults.iter().all(|fault| count(&summary, fault) > 0), "{summary}");
    }
}

#[test]
fn a_route_that_gets_worse_than_its_spare_is_left_without_losing_a_packet() {
    run("degraded", 1..=3);
}

#[test]
fn another_seed_is_another_run() {
    let summaries = run("degraded", 4..=5);
    assert_ne!(summaries[0].hash, summaries[1].hash);
}

#[test]
fn a_failure_names_the_command_that_repeats_it() {
    let scenario = find("everything").expect("a scenario of the list");
    assert_eq!(scenario.replay(7), "cargo run -p byway-sim -- --scenario everything --seed 7");
    assert!(SCENARIOS.iter().all(|scenario| find(scenario.name).is_some()));
}
