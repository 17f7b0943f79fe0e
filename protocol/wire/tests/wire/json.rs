//! The JSON forms, as the registries' endpoints carry them.

use std::fmt::Debug;

use byway_wire::{SignedRecord, SignedTransportEntry};
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{samples, strategies};

/// The examples in JSON, each under its full name.
pub(crate) fn examples() -> Vec<(String, String)> {
    let record =
        |record: byway_wire::Record, n| serde_json::to_string(&record.sign(&samples::secret(n))).unwrap();
    [
        ("json/signed-record-node", record(samples::node_record(), 1)),
        ("json/signed-record-server", record(samples::server_record(), 8)),
        ("json/signed-record-tombstone", record(samples::tombstone_record(), 1)),
        ("json/signed-transport-entry", serde_json::to_string(&samples::signed_entry()).unwrap()),
        ("json/hop", serde_json::to_string(&samples::hops()[0]).unwrap()),
    ]
    .map(|(name, text)| (name.to_owned(), text))
    .to_vec()
}

fn assert_reads_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
}

/// Every JSON object within `value`, itself included, as a pointer to it.
fn objects(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.push(pointer.to_owned());
            fields.iter().for_each(|(name, field)| objects(field, &format!("{pointer}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| objects(item, &format!("{pointer}/{i}"), found));
        }
        _ => {}
    }
}

/// Adds a field to each object of the value's JSON form in turn, and leaves out each field in turn.
fn assert_fields_are_exact<T: Serialize + DeserializeOwned + Debug>(value: &T) {
    let whole = serde_json::to_value(value).unwrap();
    let mut pointers = Vec::new();
    objects(&whole, "", &mut pointers);
    for pointer in pointers {
        let mut more = whole.clone();
        more.pointer_mut(&pointer).unwrap()["surplus"] = json!(1);
        assert!(serde_json::from_value::<T>(more).is_err(), "a field was added to '{pointer}'");
        let names: Vec<String> =
            whole.pointer(&pointer).unwrap().as_object().unwrap().keys().cloned().collect();
        for name in names {
            let mut fewer = whole.clone();
            fewer.pointer_mut(&pointer).unwrap().as_object_mut().unwrap().remove(&name);
            assert!(serde_json::from_value::<T>(fewer).is_err(), "'{pointer}/{name}' was left out");
        }
    }
}

#[test]
fn unknown_and_missing_fields_are_refused_at_every_depth() {
    assert_fields_are_exact(&samples::signed_entry());
    assert_fields_are_exact(&samples::hops()[0]);
    for (record, n) in
        [(samples::node_record(), 1), (samples::server_record(), 8), (samples::tombstone_record(), 1)]
    {
        assert_fields_are_exact(&record.sign(&samples::secret(n)));
    }
}

#[test]
fn signed_values_still_verify_after_a_trip_through_json() {
    let entry: SignedTransportEntry =
        serde_json::from_value(serde_json::to_value(samples::signed_entry()).unwrap()).unwrap();
    assert_eq!(entry.verify(), Ok(()));
    let record: SignedRecord =
        serde_json::from_value(serde_json::to_value(samples::signed_record()).unwrap()).unwrap();
    assert_eq!(record.verify(samples::NOW), Ok(()));
}

proptest! {
    #[test]
    fn every_record_entry_and_hop_reads_back_from_json(
        record in strategies::record(),
        entry in strategies::entry(),
        hop in strategies::hop(),
    ) {
        assert_reads_back(&record);
        assert_reads_back(&entry);
        assert_reads_back(&hop);
    }

    #[test]
    fn no_text_makes_json_parsing_panic(text in "\\PC{0,200}") {
        let _ = serde_json::from_str::<SignedRecord>(&text);
        let _ = serde_json::from_str::<SignedTransportEntry>(&text);
    }
}
