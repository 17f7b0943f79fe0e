//! Content-Digest (RFC 9530) with SHA-256.

use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

/// The header's name.
pub const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// The header's value for a body: `sha-256=:…:`, and no other algorithm beside.
#[must_use]
pub fn content_digest(body: &[u8]) -> HeaderValue {
    let text = format!("sha-256=:{}:", BASE64.encode(&Sha256::digest(body)));
    HeaderValue::try_from(text).expect("base64 is valid in a header")
}

/// The only value of a header; `None` if there is none, or more than one.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}
