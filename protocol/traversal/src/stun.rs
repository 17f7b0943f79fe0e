//! STUN messages (RFC 8489): binding requests, plain and under a password, and their answers.
//!
//! The encoding is `stun-types`'; here is what this network uses of it. STUN shares its sockets with QUIC, and
//! [`is_stun`] tells them apart (RFC 9443).

mod message;

use std::net::SocketAddr;

use stun_types::{
    attribute::{
        Attribute, AttributeExt, AttributeStaticType, AttributeType, ErrorCode, MessageIntegrity,
        MessageIntegritySha256, RawAttribute, UnknownAttributes, Username, XorMappedAddress,
    },
    message::{
        BINDING, IntegrityKey, MAGIC_COOKIE, Message as Builder, MessageClass, MessageType, MessageWrite,
        MessageWriteVec, ShortTermCredentials,
    },
};

pub use message::{Kind, Message};

/// Largest message that is looked at, bytes (RFC 8489, 6.1: what every path of IPv4 carries). Those in use have about a
/// hundred.
pub const STUN_MAX: usize = 548;

/// Bytes of the header.
const HEADER: usize = 20;

/// Bytes of a HMAC with SHA-256.
const HMAC: usize = 32;

/// Says that the sender of a request chose this pair of addresses (RFC 8445, 7.1.2).
const USE_CANDIDATE: AttributeType = AttributeType::new(0x0025);

/// Code of the answer to a request with attributes that are not understood (RFC 8489, 6.3.1.1).
const UNKNOWN_ATTRIBUTE: u16 = 420;

/// Names a request; its answer has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub [u8; 12]);

impl From<TransactionId> for stun_types::message::TransactionId {
    fn from(TransactionId(bytes): TransactionId) -> Self {
        let mut wide = [0; 16];
        wide[4..].copy_from_slice(&bytes);
        u128::from_be_bytes(wide).into()
    }
}

/// What two peers know and others do not: their requests and answers carry a HMAC under it (RFC 8489, 9.1 and 14.6). It
/// has no `Debug`.
#[derive(Clone)]
pub struct Password(IntegrityKey);

impl Password {
    /// The password that is `secret` in hexadecimal digits.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(ShortTermCredentials::new(data_encoding::HEXLOWER.encode(secret)).make_key())
    }
}

/// Whether a datagram on a socket shared with QUIC is STUN: its first byte is 0 to 3, and it has the magic cookie (RFC
/// 9443, 3). It may still be malformed.
#[must_use]
#[inline]
pub fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first <= 3)
        && datagram.get(4..8).is_some_and(|cookie| cookie == MAGIC_COOKIE.to_be_bytes())
}

/// Asks a server from which address this request comes.
#[must_use]
pub fn binding_request(id: TransactionId) -> Vec<u8> {
    begin(MessageClass::Request, id).finish()
}

/// A connectivity check (RFC 8445, 7): asks the peer that knows `password` to answer. `username` is readable on the way,
/// at most 513 bytes; a longer one is left out, and nobody answers.
///
/// `chosen` tells the peer that this is the pair of addresses to stay with.
#[must_use]
pub fn binding_request_authenticated(
    id: TransactionId,
    username: &str,
    password: &Password,
    chosen: bool,
) -> Vec<u8> {
    let mut message = begin(MessageClass::Request, id);
    if let Ok(username) = Username::new(username) {
        message.push_attribute_unchecked(&username);
    }
    if chosen {
        message.push_attribute_unchecked(&RawAttribute::new(USE_CANDIDATE, &[]));
    }
    seal(message, password)
}

/// What a server answers to a plain binding request that came `from` an address: that address, or that the request has
/// attributes it does not know. `None` if the datagram is no plain binding request, or a check meant for a peer.
///
/// The answer is at most 24 bytes longer than the request.
#[must_use]
pub fn answer(request: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    let request = Message::parse(request)?;
    if request.kind() != Kind::Request || request.is_authenticated() {
        return None;
    }
    let unknown = request.not_understood();
    if unknown.is_empty() {
        return Some(success(request.id(), from).finish());
    }
    let mut refusal = begin(MessageClass::Error, request.id());
    let code = ErrorCode::new(UNKNOWN_ATTRIBUTE, "").ok()?;
    refusal.push_attribute_unchecked(&code);
    refusal.push_attribute_unchecked(&UnknownAttributes::new(&unknown));
    Some(refusal.finish())
}

/// What a peer answers to a connectivity check that came `from` an address.
#[must_use]
pub fn answer_authenticated(id: TransactionId, from: SocketAddr, password: &Password) -> Vec<u8> {
    seal(success(id, from), password)
}

fn success(id: TransactionId, from: SocketAddr) -> MessageWriteVec {
    let mut message = begin(MessageClass::Success, id);
    message.push_attribute_unchecked(&XorMappedAddress::new(unmapped(from), id.into()));
    message
}

fn begin(class: MessageClass, id: TransactionId) -> MessageWriteVec {
    Builder::builder(MessageType::from_class_method(class, BINDING), id.into(), MessageWriteVec::new())
}

/// Ends a message with a HMAC of all of it. The length in the header counts the HMAC already (RFC 8489, 14.6).
fn seal(mut message: MessageWriteVec, password: &Password) -> Vec<u8> {
    let room = MessageIntegritySha256::new(&[0; HMAC]).expect("32 bytes are what a HMAC has");
    message.push_attribute_unchecked(&room);
    let mut bytes = message.finish();
    let covered = bytes.len() - room.padded_len();
    let hmac = MessageIntegritySha256::compute(&[&bytes[..covered]], &password.0)
        .expect("a HMAC takes keys of any length");
    let at = bytes.len() - HMAC;
    bytes[at..].copy_from_slice(&hmac);
    bytes
}

/// An IPv4 address as such, where a socket of both families gave it as IPv6.
fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: TransactionId = TransactionId([7; 12]);

    fn peers() -> (Password, Password) {
        (Password::new(&[1; 12]), Password::new(&[2; 12]))
    }

    fn parse(bytes: &[u8]) -> Message<'_> {
        assert!(is_stun(bytes));
        Message::parse(bytes).unwrap()
    }

    #[test]
    fn a_server_answers_a_request_with_the_address_it_came_from() {
        let request = binding_request(ID);
        assert_eq!(request.len(), HEADER);
        for from in ["192.0.2.1:5000", "[2001:db8::1]:5000"].map(|from| from.parse::<SocketAddr>().unwrap()) {
            let answer = answer(&request, from).unwrap();
            let answer = parse(&answer);
            assert_eq!((answer.kind(), answer.id(), answer.mapped()), (Kind::Success, ID, Some(from)));
            assert!(!answer.is_authenticated());
        }
    }

    #[test]
    fn an_address_that_a_socket_of_both_families_gave_is_answered_as_ipv4() {
        let answer = answer(&binding_request(ID), "[::ffff:192.0.2.1]:5000".parse().unwrap()).unwrap();
        assert_eq!(parse(&answer).mapped(), Some("192.0.2.1:5000".parse().unwrap()));
    }

    #[test]
    fn a_server_says_which_attributes_it_does_not_know() {
        let mut request = begin(MessageClass::Request, ID);
        // CHANGE-REQUEST of RFC 5780, and one that need not be understood.
        request.push_attribute_unchecked(&RawAttribute::new(AttributeType::new(0x0003), &[0; 4]));
        request.push_attribute_unchecked(&RawAttribute::new(AttributeType::new(0x8022), b"byway"));
        let answer = answer(&request.finish(), "192.0.2.1:5000".parse().unwrap()).unwrap();
        let answer = parse(&answer);
        assert_eq!((answer.kind(), answer.mapped()), (Kind::Error, None));
        let (_, unknown) = answer.find(UnknownAttributes::TYPE).unwrap();
        let unknown = UnknownAttributes::try_from(&unknown).unwrap();
        assert!(unknown.has_attribute(AttributeType::new(0x0003)));
        assert!(!unknown.has_attribute(AttributeType::new(0x8022)));
    }

    #[test]
    fn a_server_is_silent_to_what_is_not_for_it() {
        let from = "192.0.2.1:5000".parse().unwrap();
        let request = binding_request(ID);
        let given = answer(&request, from).unwrap();
        assert_eq!(answer(&given, from), None, "an answer");
        let (password, _) = peers();
        assert_eq!(answer(&binding_request_authenticated(ID, "x", &password, false), from), None, "a check");
        assert_eq!(answer(&[], from), None);
        assert_eq!(answer(&request[..19], from), None, "cut off");
        assert_eq!(answer(&[&request[..], &[0]].concat(), from), None, "more than it says");
        let mut allocate = request.clone();
        allocate[1] = 3;
        assert_eq!(answer(&allocate, from), None, "another method");
        let mut other_cookie = request;
        other_cookie[4] ^= 1;
        assert!(!is_stun(&other_cookie));
        assert_eq!(answer(&other_cookie, from), None);
    }

    #[test]
    fn a_check_says_for_whom_it_is_and_convinces_only_who_knows_the_password() {
        let (password, other) = peers();
        for chosen in [false, true] {
            let bytes = binding_request_authenticated(ID, "name", &password, chosen);
            let check = parse(&bytes);
            assert_eq!(
                (check.kind(), check.username(), check.is_chosen()),
                (Kind::Request, Some("name"), chosen)
            );
            assert!(check.verify(&password) && !check.verify(&other));
        }
        let from = "[2001:db8::1]:5000".parse().unwrap();
        let bytes = answer_authenticated(ID, from, &password);
        let answer = parse(&bytes);
        assert_eq!((answer.kind(), answer.mapped()), (Kind::Success, Some(from)));
        assert!(answer.verify(&password) && !answer.verify(&other));
        assert!(!parse(&binding_request(ID)).verify(&password));
    }

    #[test]
    fn a_message_with_any_bit_changed_convinces_nobody() {
        let (password, _) = peers();
        let bytes = binding_request_authenticated(ID, "name", &password, true);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let convinces = Message::parse(&changed).is_some_and(|message| message.verify(&password));
            assert!(!convinces, "bit {bit}");
        }
    }

    #[test]
    fn what_follows_the_hmac_is_not_believed() {
        let (password, _) = peers();
        let mut bytes = binding_request_authenticated(ID, "name", &password, false);
        bytes.extend_from_slice(&[0x00, 0x25, 0, 0]);
        bytes[3] += 4;
        let message = parse(&bytes);
        assert!(message.verify(&password) && !message.is_chosen());
    }

    #[test]
    fn a_hmac_that_was_cut_short_convinces_nobody() {
        // RFC 8489, 14.6 allows it, and half of one is easier to guess.
        let (password, _) = peers();
        let mut message = begin(MessageClass::Request, ID);
        message.push_attribute_unchecked(&MessageIntegritySha256::new(&[0; HMAC / 2]).unwrap());
        let mut bytes = message.finish();
        let (covered, at) = (bytes.len() - 4 - HMAC / 2, bytes.len() - HMAC / 2);
        let hmac = MessageIntegritySha256::compute(&[&bytes[..covered]], &password.0).unwrap();
        bytes[at..].copy_from_slice(&hmac[..HMAC / 2]);
        assert!(parse(&bytes).is_authenticated() && !parse(&bytes).verify(&password));
    }

    #[test]
    fn the_test_vectors_of_rfc_5769_are_read() {
        // 2.2: the answer of an IPv4 peer, with the attributes SOFTWARE, MESSAGE-INTEGRITY and FINGERPRINT.
        let hex = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643\
                   000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
        let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
        assert_eq!(parse(&bytes).mapped(), Some("192.0.2.1:32853".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn any_datagram_is_read_without_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..700), head in any::<bool>()) {
            if head && bytes.len() >= HEADER {
                let length = u16::try_from(bytes.len() - HEADER).unwrap();
                bytes[..2].copy_from_slice(&[0, 1]);
                bytes[2..4].copy_from_slice(&length.to_be_bytes());
                bytes[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
            }
            let (password, _) = peers();
            let from = "192.0.2.1:5000".parse().unwrap();
            if let Some(answer) = answer(&bytes, from) {
                prop_assert!(answer.len() <= bytes.len() + 24);
            }
            if let Some(message) = Message::parse(&bytes) {
                prop_assert!(is_stun(&bytes));
                prop_assert!(!message.verify(&password));
                let _ = (message.mapped(), message.username(), message.is_chosen(), message.not_understood());
            }
        }
    }
}
