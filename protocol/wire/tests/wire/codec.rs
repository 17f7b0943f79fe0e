//! What holds for every example: it reads back, and what is not it is refused or is another message in its one form.

use crate::examples;

#[test]
fn every_message_reads_back_as_itself() {
    for example in examples::all() {
        let read = example.read(&example.bytes).unwrap_or_else(|e| panic!("{}: {e}", example.name));
        assert!(read.same && read.bytes == example.bytes, "{}", example.name);
    }
}

#[test]
fn a_message_cut_off_anywhere_is_refused() {
    for example in examples::all() {
        for length in 0..example.bytes.len() {
            assert!(example.read(&example.bytes[..length]).is_err(), "{} cut to {length}", example.name);
        }
    }
}

#[test]
fn a_byte_after_a_message_is_refused() {
    for example in examples::all() {
        for extra in [0, 1, 255] {
            let bytes = [example.bytes.as_slice(), &[extra]].concat();
            assert!(example.read(&bytes).is_err(), "{} and {extra}", example.name);
        }
    }
}

#[test]
fn a_message_with_any_byte_changed_is_refused_or_is_another_message_in_its_one_form() {
    for example in examples::all() {
        for position in 0..example.bytes.len() {
            for mask in [0x01, 0x20, 0x80, 0xff] {
                let mut bytes = example.bytes.clone();
                bytes[position] ^= mask;
                if let Ok(read) = example.read(&bytes) {
                    let place = format!("{} with byte {position} ^ {mask:#x}", example.name);
                    assert!(!read.same, "{place} still counts as itself");
                    assert_eq!(read.bytes, bytes, "{place} has a second form");
                }
            }
        }
    }
}

#[test]
fn a_candidate_too_many_is_refused_before_it_is_read() {
    let count = u8::try_from(byway_base::limits::PUNCH_CANDIDATES + 1).unwrap();
    let refused = byway_wire::decode_whole::<byway_wire::punch::Candidates>(&[count]);
    assert_eq!(refused, Err(byway_wire::DecodeError::Length));
}
