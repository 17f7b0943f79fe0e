//! Signing requests, and accepting signed ones.

use byway_base::{
    Code, Problem, PublicKey, SecretKey, Stamp, UnixTime,
    limits::{CLOCK_SKEW, NONCES, NONCES_PER_KEY, SIGNATURE_TTL},
};
use data_encoding::HEXLOWER;
use http::{HeaderName, HeaderValue, request::Parts};
use parking_lot::Mutex;

use super::{
    CONTENT_DIGEST, Malformed, NonceError, Nonces, Target,
    base::{Component, parse, sign},
    content_digest,
    digest::only,
};
use crate::authority::Authorities;

/// 128 random bits as 32 hexadecimal characters.
///
/// # Panics
/// If the operating system has no randomness to give.
#[must_use]
pub fn fresh_nonce() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    HEXLOWER.encode(&bytes)
}

/// The headers that sign a request: `content-digest`, `signature-input` and `signature`.
#[must_use]
pub fn sign_request(
    secret: &SecretKey,
    target: &Target,
    body: &[u8],
    now: UnixTime,
    nonce: &str,
) -> [(HeaderName, HeaderValue); 3] {
    let digest = content_digest(body);
    let components = components(target, &digest);
    let [input, signature] = sign(secret, &components, now, Some(now.plus(SIGNATURE_TTL)), Some(nonce));
    [(CONTENT_DIGEST, digest), input, signature]
}

/// Accepts each validly signed request once.
#[derive(Debug)]
pub struct RequestVerifier {
    authorities: Authorities,
    nonces: Mutex<Nonces>,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It carries no signature.
    #[error("the request carries no signature")]
    Unsigned,
    /// Its signature is not one that could be accepted.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It was signed for a host that this service does not answer to.
    #[error("the request is for '{0}', which is not a name of this service")]
    Authority(String),
    /// The body is not the one whose digest was signed.
    #[error("the body is not the one that was signed")]
    Digest,
    /// The signature is not its key's.
    #[error("the signature is not the key's over this method, host, path, query and body")]
    Mismatch,
    /// It was signed too long ago, or in the future.
    #[error("the request was signed {apart} s {direction} the service's time {now}")]
    Clock {
        /// Seconds between the request's and the service's time.
        apart: u64,
        /// `before` or `after`.
        direction: &'static str,
        /// The service's time, in seconds since 1970.
        now: u64,
    },
    /// It was seen, or cannot be told from one that was.
    #[error(transparent)]
    Nonce(#[from] NonceError),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::Unsigned | Refusal::Malformed(_) => Code::Unsigned,
            Refusal::Authority(_) | Refusal::Digest | Refusal::Mismatch => Code::BadSignature,
            Refusal::Clock { .. } => Code::ClockSkew,
            Refusal::Nonce(NonceError::Replayed) => Code::Replayed,
            Refusal::Nonce(NonceError::Full) => Code::Limit,
        };
        let problem = Self::new(code, "cannot accept the request", &refusal);
        match refusal {
            Refusal::Authority(_) => {
                problem.with_hint("use a name from the service's `public_url`, or add it there")
            }
            _ => problem,
        }
    }
}

impl RequestVerifier {
    /// Accepts requests for `authorities` that were created at `started` or later: what was accepted before is not
    /// remembered.
    pub(crate) fn new(authorities: Authorities, started: UnixTime) -> Self {
        Self { authorities, nonces: Mutex::new(Nonces::new(NONCES_PER_KEY, NONCES, started)) }
    }

    /// Accepts a request at the time `now` and tells whose it is, and which of the signer's.
    ///
    /// # Errors
    /// [`Refusal`]; then the request had no effect on what is accepted later.
    pub fn verify(&self, request: &Parts, body: &[u8], now: UnixTime) -> Result<(PublicKey, Stamp), Refusal> {
        let parsed = parse(&request.headers)?.ok_or(Refusal::Unsigned)?;
        let (created, nonce) = check_params(&parsed.params, now)?;
        let target = Target::of(request).ok_or(Malformed("the request names no host, or several"))?;
        if !self.authorities.contains(&target.authority) {
            return Err(Refusal::Authority(target.authority));
        }
        let digest = content_digest(body);
        if only(&request.headers, &CONTENT_DIGEST) != Some(&digest) {
            return Err(Refusal::Digest);
        }
        if !parsed.verify(&components(&target, &digest))? {
            return Err(Refusal::Mismatch);
        }
        let mark = self.nonces.lock().accept(parsed.key, nonce, created, now)?;
        Ok((parsed.key, Stamp { created, mark }))
    }
}

/// Checks times and nonce; a signature is valid from `created` to `expires`, give or take [`CLOCK_SKEW`].
fn check_params(
    params: &httpsig::prelude::HttpSignatureParams,
    now: UnixTime,
) -> Result<(UnixTime, &str), Refusal> {
    let created = UnixTime(params.created.ok_or(Malformed("the signature has no time of creation"))?);
    let expires = UnixTime(params.expires.ok_or(Malformed("the signature has no expiry"))?);
    let nonce = params.nonce.as_deref().ok_or(Malformed("the signature has no nonce"))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_+/=".contains(&b);
    if !(16..=64).contains(&nonce.len()) || !nonce.bytes().all(plain) {
        return Err(Malformed("the nonce is not 16 to 64 letters, digits and -_+/=").into());
    }
    if expires < created || expires > created.plus(SIGNATURE_TTL) {
        return Err(Malformed("the signature expires before its creation, or more than 60 s after").into());
    }
    let apart = created.abs_diff(now).as_secs();
    if created > now.plus(CLOCK_SKEW) {
        return Err(Refusal::Clock { apart, direction: "after", now: now.0 });
    }
    if expires.plus(CLOCK_SKEW) < now {
        return Err(Refusal::Clock { apart, direction: "before", now: now.0 });
    }
    Ok((created, nonce))
}

pub(super) fn components(target: &Target, digest: &HeaderValue) -> [Component; 5] {
    [
        ("\"@method\"", target.method.clone()),
        ("\"@authority\"", target.authority.clone()),
        ("\"@path\"", target.path.clone()),
        ("\"@query\"", target.query.clone()),
        ("\"content-digest\"", digest.to_str().unwrap_or_default().to_owned()),
    ]
}

#[cfg(test)]
#[path = "request/tests.rs"]
mod tests;
