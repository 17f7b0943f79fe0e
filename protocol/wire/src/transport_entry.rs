//! The entry that both edges of a transport sign.

use byway_base::{KeyError, PublicKey, SecretKey, Signature, TransportId, TransportType, UnixTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{codec::wire_struct, encode};

wire_struct! {
    /// States that a transport of a type exists between two nodes.
    #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    TransportEntry {
        /// Both nodes, the smaller key first.
        edges: [PublicKey; 2],
        /// The type, opaque to services.
        kind: TransportType,
        /// When the transport was opened, as the dialler saw it. A newer entry replaces an older one.
        issued: UnixTime,
    }
}

/// A transport entry with the signatures of both edges, in the order of the edges.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedTransportEntry {
    /// What is signed.
    pub entry: TransportEntry,
    /// Signatures over [`TransportEntry::signed_bytes`], in the order of the edges.
    pub signatures: [Signature; 2],
}

/// Why a signed entry is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The edges are equal, or not in order.
    #[error("the edges of a transport are two different keys, the smaller first")]
    Edges,
    /// A signature is not that edge's over this entry.
    #[error("the signature of edge {edge} is wrong")]
    Signature {
        /// 0 or 1.
        edge: usize,
    },
}

impl crate::Wire for [PublicKey; 2] {
    fn write(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|key| key.write(out));
    }

    fn read(reader: &mut crate::Reader<'_>) -> Result<Self, crate::DecodeError> {
        Ok([PublicKey::read(reader)?, PublicKey::read(reader)?])
    }
}

impl TransportEntry {
    /// The entry of a transport between `a` and `b`, in whichever order.
    #[must_use]
    pub fn new(a: PublicKey, b: PublicKey, kind: TransportType, issued: UnixTime) -> Self {
        Self { edges: if a <= b { [a, b] } else { [b, a] }, kind, issued }
    }

    /// The transport's id.
    #[must_use]
    pub fn id(&self) -> TransportId {
        TransportId::derive(&self.edges[0], &self.edges[1], &self.kind)
    }

    /// The other edge, if `key` is one.
    #[must_use]
    pub fn other_edge(&self, key: &PublicKey) -> Option<PublicKey> {
        match &self.edges {
            [a, b] if a == key => Some(*b),
            [a, b] if b == key => Some(*a),
            _ => None,
        }
    }

    /// What an edge signs: a domain word, then the binary form.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = b"byway transport entry v1\0".to_vec();
        bytes.extend(encode(self));
        bytes
    }

    /// This edge's signature.
    #[must_use]
    pub fn sign(&self, secret: &SecretKey) -> Signature {
        secret.sign(&self.signed_bytes())
    }

    /// Puts both signatures in the order of the edges. `key` made `signature`; the other edge made `other`.
    #[must_use]
    pub fn with_signatures(
        self,
        key: &PublicKey,
        signature: Signature,
        other: Signature,
    ) -> SignedTransportEntry {
        let signatures = if self.edges[0] == *key { [signature, other] } else { [other, signature] };
        SignedTransportEntry { entry: self, signatures }
    }
}

impl SignedTransportEntry {
    /// Verifies both signatures. Every reader does, whoever handed it the entry.
    ///
    /// # Errors
    /// [`EntryError`] naming what is wrong.
    pub fn verify(&self) -> Result<(), EntryError> {
        if self.entry.edges[0] >= self.entry.edges[1] {
            return Err(EntryError::Edges);
        }
        let bytes = self.entry.signed_bytes();
        for (edge, (key, signature)) in self.entry.edges.iter().zip(&self.signatures).enumerate() {
            key.verify(&bytes, signature).map_err(|_: KeyError| EntryError::Signature { edge })?;
        }
        Ok(())
    }
}
