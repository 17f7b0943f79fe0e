//! HTTP Message Signatures (RFC 9421) with Ed25519 and Content-Digest (RFC 9530).
//!
//! **Requests** are signed by the caller's key over `"@method" "@authority" "@path" "@query" "content-digest"` with
//! the parameters `created`, `expires` (at most [`SIGNATURE_TTL`](byway_base::limits::SIGNATURE_TTL) later), `nonce`,
//! `alg="ed25519"` and `keyid`, the key in base32, in this order. [`RequestVerifier`] accepts each once.
//!
//! **Replies** are signed by the service's key if the request asks for it with a fresh `byway-nonce` and a
//! `content-digest`. They cover the reply's `"@status"` and `"content-digest"` and, with `;req`, the request's method,
//! authority, path, query, digest and nonce: a reply can neither be altered nor serve for another request. The head of
//! a stream is signed without a digest. Events are as trustworthy as their connection and what is signed in them; a reply in
//! lines carries the signature over all of it in its last line.

mod base;
mod digest;
mod nonces;
mod reply;
mod request;

pub use base::{Malformed, Target};
pub use digest::{CONTENT_DIGEST, ContentDigest, content_digest};
pub use nonces::{NonceError, Nonces};
pub use reply::{NONCE, ReplyContext, ReplyError, sign_reply, verify_reply};
pub use request::{Refusal, RequestVerifier, fresh_nonce, sign_request};
