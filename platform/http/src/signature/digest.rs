//! Content-Digest (RFC 9530) with SHA-256.

use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

/// The header's name.
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// The header's value for a body: `sha-256=:…:`, and no other algorithm beside.
#[must_use]
pub fn content_digest(body: &[u8]) -> HeaderValue {
    let mut digest = ContentDigest::default();
    digest.update(body);
    digest.finish()
}

/// [`content_digest`] of a body that comes piece by piece.
#[derive(Debug, Default)]
pub struct ContentDigest(Sha256);

impl ContentDigest {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The header's value for all pieces.
    #[must_use]
    pub fn finish(self) -> HeaderValue {
        let text = format!("sha-256=:{}:", BASE64.encode(&self.0.finalize()));
        HeaderValue::try_from(text).expect("base64 is valid in a header")
    }
}

/// The only value of a header; `None` if there is none, or more than one.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}
