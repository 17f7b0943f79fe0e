//! Contact records: how a node or a messaging server is reached, signed by its subject.

use std::net::{IpAddr, SocketAddr};

use byway_base::{
    PublicKey, SecretKey, Signature, TransportType, UnixTime,
    limits::{CLOCK_SKEW, RECORD_ENTRIES, RECORD_TTL},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    DecodeError, Reader, Wire,
    codec::{TEXT_MAX, wire_enum, wire_struct},
    encode,
};

wire_struct! {
    /// What its subject says about itself, valid until it expires or a higher sequence number replaces it.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    Record {
        /// Whom the record is about, and who signs it.
        subject: PublicKey,
        /// Grows with each record of the subject; a reader keeps the highest.
        sequence: u64,
        /// When the record ceases to count, at most [`RECORD_TTL`] ahead.
        expires: UnixTime,
        /// What it says.
        body: RecordBody,
    }
}

wire_enum! {
    /// What a record says.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
    RecordBody {
        /// A node or service that is reached through messaging servers.
        1 => Node {
            /// The messaging servers that it is connected to.
            servers: Vec<PublicKey>,
            /// Addresses at which it accepts direct transports.
            candidates: Vec<Candidate>,
            /// Whether it forwards for others.
            transit: bool,
        }
        /// A messaging server.
        2 => Server {
            /// Where it accepts clients over TCP.
            addresses: Vec<SocketAddr>,
            /// Where it accepts clients over QUIC, and answers STUN.
            udp: Vec<SocketAddr>,
            /// Clients that it can hold.
            capacity: u32,
            /// Clients that it holds.
            clients: u32,
            /// Where it stands or who runs it, free text; clients prefer servers of different regions.
            region: String,
            /// It will stop soon; new clients go elsewhere.
            draining: bool,
        }
        /// The subject left. Replaces its record; kept until it expires, so that no older record returns.
        3 => Tombstone {}
    }
}

wire_struct! {
    /// An address at which a transport of a type can be opened.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    Candidate {
        /// The transport type.
        kind: TransportType,
        /// The address.
        #[schemars(with = "String")]
        address: SocketAddr,
    }
}

/// A record and its subject's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedRecord {
    /// What is signed.
    pub record: Record,
    /// The subject's signature over [`Record::signed_bytes`].
    pub signature: Signature,
}

/// Why a record is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The signature is not the subject's, or does not cover all that the record says.
    #[error("the record is not signed by its subject")]
    Signature,
    /// The record's time is over.
    #[error("the record has expired")]
    Expired,
    /// It claims to be valid for longer than records may be.
    #[error("the record expires too far in the future")]
    TooLong,
    /// It lists more servers or addresses than records may.
    #[error("the record lists too many servers or addresses")]
    TooMany,
}

impl Record {
    /// What the subject signs: a domain word, then the binary form.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = b"byway contact record v1\0".to_vec();
        bytes.extend(encode(self));
        bytes
    }

    /// Signs the record with its subject's key.
    #[must_use]
    pub fn sign(self, secret: &SecretKey) -> SignedRecord {
        let signature = secret.sign(&self.signed_bytes());
        SignedRecord { record: self, signature }
    }
}

impl RecordBody {
    /// Whether the binary form, which is what is signed, says all of it. JSON can hold what the binary form leaves
    /// out: text beyond its limit, and the scope of an IPv6 address. Whoever hands the record on could change that.
    fn fits_binary_form(&self) -> bool {
        match self {
            Self::Node { candidates, .. } => candidates.iter().all(|candidate| is_plain(&candidate.address)),
            Self::Server { addresses, udp, region, .. } => {
                addresses.iter().chain(udp).all(is_plain) && region.len() <= TEXT_MAX
            }
            Self::Tombstone {} => true,
        }
    }
}

fn is_plain(address: &SocketAddr) -> bool {
    *address == SocketAddr::new(address.ip(), address.port())
}

impl SignedRecord {
    /// Verifies signature, validity and size at the time `now`. Every reader does, whoever handed it the record.
    ///
    /// # Errors
    /// [`RecordError`] naming what is wrong.
    pub fn verify(&self, now: UnixTime) -> Result<(), RecordError> {
        let Record { subject, expires, body, .. } = &self.record;
        if *expires <= now {
            return Err(RecordError::Expired);
        }
        if *expires > now.plus(RECORD_TTL + CLOCK_SKEW) {
            return Err(RecordError::TooLong);
        }
        let entries = match body {
            RecordBody::Node { servers, candidates, .. } => servers.len().max(candidates.len()),
            RecordBody::Server { addresses, udp, .. } => addresses.len().max(udp.len()),
            RecordBody::Tombstone {} => 0,
        };
        if entries > RECORD_ENTRIES {
            return Err(RecordError::TooMany);
        }
        if !body.fits_binary_form() {
            return Err(RecordError::Signature);
        }
        subject.verify(&self.record.signed_bytes(), &self.signature).map_err(|_| RecordError::Signature)
    }
}

/// An IP address and port: family byte (4 or 6), address, port.
impl Wire for SocketAddr {
    fn write(&self, out: &mut Vec<u8>) {
        match self.ip() {
            IpAddr::V4(ip) => {
                out.push(4);
                ip.octets().write(out);
            }
            IpAddr::V6(ip) => {
                out.push(6);
                ip.octets().write(out);
            }
        }
        self.port().write(out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let ip = match u8::read(reader)? {
            4 => IpAddr::from(<[u8; 4]>::read(reader)?),
            6 => IpAddr::from(<[u8; 16]>::read(reader)?),
            other => return Err(DecodeError::Kind(other)),
        };
        Ok(Self::new(ip, u16::read(reader)?))
    }
}
