//! The request for a route, signed by its source.

use byway_base::{
    OverlayAddress, PublicKey, RouteId, SecretKey, Signature, TransportId, UnixTime,
    limits::{CLOCK_SKEW, HOPS_MAX, ROUTE_REQUEST_TTL},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{codec::wire_struct, encode};

wire_struct! {
    /// One transport crossed, in the direction of the path.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    Hop {
        /// The transport.
        transport: TransportId,
        /// The node that the hop leaves.
        from: PublicKey,
        /// The node that it reaches.
        to: PublicKey,
    }
}

wire_struct! {
    /// Asks for a route. The path enters by its digest only, so that the destination can verify the request without
    /// learning the path; the setup node sees both.
    #[derive(Debug, Clone, PartialEq, Eq)]
    RouteRequest {
        /// Drawn at random by the source; a node accepts each once.
        route: RouteId,
        /// The source's end of the route group.
        source: OverlayAddress,
        /// The destination's end of the route group.
        destination: OverlayAddress,
        /// [`path_digest`] of the hops.
        path: [u8; 32],
        /// When the request ceases to count, at most [`ROUTE_REQUEST_TTL`] ahead.
        expires: UnixTime,
    }
}

wire_struct! {
    /// A route request and its source's signature.
    #[derive(Debug, Clone, PartialEq, Eq)]
    SignedRouteRequest {
        /// What is signed.
        request: RouteRequest,
        /// The source's signature over [`RouteRequest::signed_bytes`].
        signature: Signature,
    }
}

/// Why a route request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The signature is not the source's.
    #[error("the route request is not signed by its source")]
    Signature,
    /// Its time is over, or too far ahead.
    #[error("the route request has expired or is dated too far ahead")]
    Expired,
    /// The hops are not those that were signed.
    #[error("the path is not the one that was signed")]
    Digest,
    /// The hops are none, too many, not connected, or cross a node twice.
    #[error("the path is empty, too long, not connected or crosses a node twice")]
    Path,
}

/// SHA-256 over the binary form of the hops, with a domain word.
#[must_use]
pub fn path_digest(hops: &[Hop]) -> [u8; 32] {
    let mut hash = Sha256::new().chain_update(b"byway path v1\0");
    for hop in hops {
        hash.update(encode(hop));
    }
    hash.finalize().into()
}

impl RouteRequest {
    /// What the source signs: a domain word, then the binary form.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = b"byway route request v1\0".to_vec();
        bytes.extend(encode(self));
        bytes
    }

    /// Signs the request with the source's key.
    #[must_use]
    pub fn sign(self, secret: &SecretKey) -> SignedRouteRequest {
        let signature = secret.sign(&self.signed_bytes());
        SignedRouteRequest { request: self, signature }
    }
}

impl SignedRouteRequest {
    /// Verifies signature and validity at the time `now`; what the destination does.
    ///
    /// # Errors
    /// [`RequestError`] naming what is wrong.
    pub fn verify(&self, now: UnixTime) -> Result<(), RequestError> {
        let RouteRequest { source, expires, .. } = &self.request;
        if expires.plus(CLOCK_SKEW) <= now || *expires > now.plus(ROUTE_REQUEST_TTL + CLOCK_SKEW) {
            return Err(RequestError::Expired);
        }
        source.key.verify(&self.request.signed_bytes(), &self.signature).map_err(|_| RequestError::Signature)
    }

    /// Verifies also that `hops` are the signed path, lead from source to destination, and cross no node twice; what
    /// the setup node does.
    ///
    /// # Errors
    /// [`RequestError`] naming what is wrong.
    pub fn verify_with_path(&self, now: UnixTime, hops: &[Hop]) -> Result<(), RequestError> {
        self.verify(now)?;
        if path_digest(hops) != self.request.path {
            return Err(RequestError::Digest);
        }
        let (source, destination) = (self.request.source.key, self.request.destination.key);
        let ends = hops.first().map(|hop| hop.from) == Some(source)
            && hops.last().map(|hop| hop.to) == Some(destination);
        let connected = hops.windows(2).all(|pair| pair[0].to == pair[1].from);
        let mut nodes: Vec<_> = hops.iter().map(|hop| hop.to).chain([source]).collect();
        nodes.sort_unstable();
        let simple = nodes.windows(2).all(|pair| pair[0] != pair[1]);
        if ends && connected && simple && hops.len() <= HOPS_MAX { Ok(()) } else { Err(RequestError::Path) }
    }
}
