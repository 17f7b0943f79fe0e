//! Properties of arbitrary values and of arbitrary bytes.

use std::fmt::Debug;

use byway_base::PublicKey;
use byway_wire::{
    DecodeError, Hop, Record, SignedRouteRequest, TransportEntry,
    link::{AGREE_BYTES, Agree, OFFER_BYTES, Offer},
    punch::{PUNCH_MESSAGE_MAX, PunchAnswer, PunchOffer},
    setup::{NodeMessage, Reply, SourceMessage},
};
use proptest::{collection::vec, prelude::*, test_runner::TestCaseResult};

use crate::{
    form::{self, Form},
    strategies,
};

/// The value has a form that reads back as the value; returns the form.
fn round_trip<T: PartialEq + Debug>(form: &Form<T>, value: &T) -> Result<Vec<u8>, TestCaseError> {
    let bytes = (form.write)(value);
    let read = (form.read)(&bytes);
    prop_assert_eq!(read.as_ref(), Ok(value));
    Ok(bytes)
}

/// The bytes are refused, or are the one form of the value that they read as.
fn canonical<T: Debug>(form: &Form<T>, bytes: &[u8]) -> TestCaseResult {
    if let Ok(value) = (form.read)(bytes) {
        prop_assert_eq!((form.write)(&value), bytes, "a second form of {:?}", value);
    }
    Ok(())
}

macro_rules! every_value_reads_back {
    ($($test:ident: $strategy:ident as $form:expr;)+) => {
        proptest! { $(
            #[test]
            fn $test(value in strategies::$strategy(), at: prop::sample::Index, change: u8) {
                let form = $form;
                let mut bytes = round_trip(&form, &value)?;
                let at = at.index(bytes.len());
                bytes[at] ^= change;
                canonical(&form, &bytes)?;
            }
        )+ }
    };
}
every_value_reads_back! {
    every_packet_reads_back: packet as form::packet();
    every_frame_reads_back: frame as form::frame();
    every_key_reads_back: key as form::whole::<PublicKey>();
    every_entry_reads_back: entry as form::whole::<TransportEntry>();
    every_record_reads_back: record as form::whole::<Record>();
    every_punch_offer_reads_back: punch_offer as form::whole::<PunchOffer>();
    every_punch_answer_reads_back: punch_answer as form::whole::<PunchAnswer>();
    every_hop_reads_back: hop as form::whole::<Hop>();
    every_route_request_reads_back: signed_request as form::whole::<SignedRouteRequest>();
    every_source_message_reads_back: source_message as form::setup_message::<SourceMessage>();
    every_node_message_reads_back: node_message as form::setup_message::<NodeMessage>();
    every_reply_reads_back: reply as form::setup_message::<Reply>();
}

proptest! {
    #[test]
    fn offers_and_agreements_read_back_and_have_fixed_sizes(
        offer in strategies::offer(),
        agree in strategies::agree(),
    ) {
        prop_assert_eq!(round_trip(&form::whole::<Offer>(), &offer)?.len(), OFFER_BYTES);
        prop_assert_eq!(round_trip(&form::whole::<Agree>(), &agree)?.len(), AGREE_BYTES);
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_are_the_one_form_of_a_message(
        kind in 0..10_u8,
        rest in vec(prop_oneof![3 => 0..4_u8, 1 => any::<u8>()], 0..200),
    ) {
        let bytes = [&[kind], rest.as_slice()].concat();
        canonical(&form::packet(), &bytes)?;
        canonical(&form::frame(), &bytes)?;
        canonical(&form::whole::<Offer>(), &bytes)?;
        canonical(&form::whole::<Agree>(), &bytes)?;
        canonical(&form::whole::<TransportEntry>(), &bytes)?;
        canonical(&form::whole::<PunchOffer>(), &bytes)?;
        canonical(&form::whole::<PunchAnswer>(), &bytes)?;
        canonical(&form::whole::<Record>(), &bytes)?;
        canonical(&form::whole::<SignedRouteRequest>(), &bytes)?;
        canonical(&form::setup_message::<SourceMessage>(), &bytes)?;
        canonical(&form::setup_message::<NodeMessage>(), &bytes)?;
        canonical(&form::setup_message::<Reply>(), &bytes)?;
    }

    #[test]
    fn no_punch_message_is_larger_than_its_limit(
        offer in strategies::punch_offer(),
        answer in strategies::punch_answer(),
    ) {
        prop_assert!(byway_wire::encode(&offer).len() < PUNCH_MESSAGE_MAX);
        prop_assert!(byway_wire::encode(&answer).len() <= PUNCH_MESSAGE_MAX);
    }

    #[test]
    fn a_setup_message_of_another_version_is_refused_by_its_version(message in strategies::reply(), version: u8) {
        prop_assume!(version != byway_wire::setup::VERSION);
        let form = form::setup_message::<Reply>();
        let mut bytes = (form.write)(&message);
        bytes[0] = version;
        prop_assert_eq!((form.read)(&bytes), Err(DecodeError::Kind(version)));
    }

    #[test]
    fn text_beyond_its_limit_is_cut_at_a_character_when_written(why in "[aé€😀]{60,300}") {
        let bytes = byway_wire::encode(&why);
        let read: String = byway_wire::decode_whole(&bytes).unwrap();
        prop_assert!(why.starts_with(&read));
        prop_assert!(read.len() == why.len() || (252..=255).contains(&read.len()));
    }
}
