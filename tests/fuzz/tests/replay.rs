//! Every target holds over its corpus and over a bounded, repeatable run of mutations.

#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

use byway_fuzz::{
    TARGETS, corpus,
    runner::{Budget, check, run},
    targets,
};

/// Mutated inputs per target: less than a second for each, in a debug build.
const ITERATIONS: u64 = 20_000;

fn corpus_holds(name: &str) {
    let target = targets::find(name).unwrap();
    for input in corpus::load(name).unwrap() {
        if let Err(what) = check(target, &input.bytes) {
            panic!("{name}: {}: {what}", input.name);
        }
    }
}

fn mutations_hold(name: &str) {
    let target = targets::find(name).unwrap();
    let seeds: Vec<_> = corpus::load(name).unwrap().into_iter().map(|input| input.bytes).collect();
    let outcome = run(target, &seeds, 1, Budget { iterations: ITERATIONS, time: None });
    assert_eq!(outcome.finding, None, "{name}, after {} inputs", outcome.iterations);
    assert_eq!(outcome.iterations, ITERATIONS);
}

macro_rules! targets_hold {
    ($($module:ident: $name:literal;)+) => {
        const TESTED: &[&str] = &[$($name),+];

        $(
            mod $module {
                #[test]
                fn the_target_holds_over_its_corpus() {
                    super::corpus_holds($name);
                }

                #[test]
                fn the_target_holds_over_mutations_of_its_corpus() {
                    super::mutations_hold($name);
                }
            }
        )+
    };
}
targets_hold! {
    packet: "packet";
    forwarder: "forwarder";
    messaging_frame: "messaging-frame";
    link_offer: "link-offer";
    link_agree: "link-agree";
    punch_offer: "punch-offer";
    punch_answer: "punch-answer";
    stun: "stun";
    stun_attempt: "stun-attempt";
    setup_source_message: "setup-source-message";
    setup_node_message: "setup-node-message";
    setup_reply: "setup-reply";
    record: "record";
    transport_entry: "transport-entry";
    route_request: "route-request";
    public_key_text: "public-key-text";
    overlay_address_text: "overlay-address-text";
    policy_text: "policy-text";
    signed_record_json: "signed-record-json";
    signed_transport_entry_json: "signed-transport-entry-json";
}

#[test]
fn every_target_is_tested() {
    let known: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(TESTED, known);
}
