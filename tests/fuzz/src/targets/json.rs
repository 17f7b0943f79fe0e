//! JSON of the registries: what is accepted reads back, and what verifies is covered by its signature.

use std::fmt::Debug;

use byway_base::UnixTime;
use byway_wire::{Record, SignedRecord, SignedTransportEntry, TransportEntry, decode_whole, encode};
use serde::{Serialize, de::DeserializeOwned};

const NOW: UnixTime = UnixTime(1_700_000_000);

fn reads_back<T: Serialize + DeserializeOwned + Debug + PartialEq>(data: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(data).ok()?;
    let printed = serde_json::to_string(&value).expect("an accepted value can be printed");
    let again: Option<T> = serde_json::from_str(&printed).ok();
    assert_eq!(again.as_ref(), Some(&value), "{printed} does not read back");
    Some(value)
}

pub(super) fn signed_record(data: &[u8]) {
    if let Some(signed) = reads_back::<SignedRecord>(data)
        && signed.verify(NOW).is_ok()
    {
        let covered = decode_whole::<Record>(&encode(&signed.record));
        assert_eq!(covered, Ok(signed.record), "a verified record says more than was signed");
    }
}

pub(super) fn signed_transport_entry(data: &[u8]) {
    if let Some(signed) = reads_back::<SignedTransportEntry>(data)
        && signed.verify().is_ok()
    {
        let covered = decode_whole::<TransportEntry>(&encode(&signed.entry));
        assert_eq!(covered, Ok(signed.entry), "a verified entry says more than was signed");
    }
}
