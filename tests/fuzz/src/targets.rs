//! The table of targets.

mod forwarder;
mod json;
mod stun;
mod text;
mod wire;

/// A decoder under test: panics if a promise about `data` is broken.
pub type Target = fn(&[u8]);

/// Every target by name, which is also the name of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("packet", wire::packet),
    ("forwarder", forwarder::neighbour),
    ("messaging-frame", wire::messaging_frame),
    ("link-offer", wire::link_offer),
    ("link-agree", wire::link_agree),
    ("punch-offer", wire::punch_offer),
    ("punch-answer", wire::punch_answer),
    ("stun", stun::message),
    ("stun-attempt", stun::attempt),
    ("setup-source-message", wire::setup_source_message),
    ("setup-node-message", wire::setup_node_message),
    ("setup-reply", wire::setup_reply),
    ("record", wire::record),
    ("transport-entry", wire::transport_entry),
    ("route-request", wire::route_request),
    ("public-key-text", text::public_key),
    ("overlay-address-text", text::overlay_address),
    ("policy-text", text::policy),
    ("signed-record-json", json::signed_record),
    ("signed-transport-entry-json", json::signed_transport_entry),
];

/// The target of that name.
#[must_use]
pub fn find(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}
