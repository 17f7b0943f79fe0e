//! Signing replies with the service's key, and checking them.

use byway_base::{PublicKey, SecretKey, UnixTime};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, request::Parts};

use super::{
    CONTENT_DIGEST, Malformed, Target,
    base::{Component, parse, sign},
    digest::only,
};

/// The request header that asks for a signed reply: text that the client never used before.
pub const NONCE: HeaderName = HeaderName::from_static("byway-nonce");
/// Characters of a nonce.
const NONCE_LENGTH: std::ops::RangeInclusive<usize> = 16..=64;

/// What of a request its reply is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyContext {
    /// Where the request went.
    pub target: Target,
    /// Its `content-digest`.
    pub digest: HeaderValue,
    /// Its `byway-nonce`.
    pub nonce: HeaderValue,
}

/// Why a reply is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// It carries no signature.
    #[error("the reply is not signed")]
    Unsigned,
    /// Its signature is not one that could be accepted.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Another key than the service's signed it.
    #[error("the reply is signed by another key than the service's")]
    OtherKey,
    /// The body is not the one whose digest was signed.
    #[error("the reply's body is not the one that was signed")]
    Digest,
    /// The signature does not belong to this reply and request.
    #[error("the reply's signature is not the service's over this reply to this request")]
    Mismatch,
}

impl ReplyContext {
    /// What the reply to a request is bound to; `None` if the request does not ask for a signed one.
    #[must_use]
    pub fn of(request: &Parts) -> Option<Self> {
        let nonce = only(&request.headers, &NONCE)?;
        let plain = nonce.to_str().is_ok_and(|text| NONCE_LENGTH.contains(&text.len()));
        let digest = only(&request.headers, &CONTENT_DIGEST)?;
        let target = Target::of(request).filter(|_| plain && digest.to_str().is_ok())?;
        Some(Self { target, digest: digest.clone(), nonce: nonce.clone() })
    }
}

/// The headers that sign a reply. `digest` is its body's [`content_digest`](super::content_digest), `None` for the head of a
/// stream, which has none.
#[must_use]
pub fn sign_reply(
    secret: &SecretKey,
    context: &ReplyContext,
    status: StatusCode,
    digest: Option<HeaderValue>,
    now: UnixTime,
) -> Vec<(HeaderName, HeaderValue)> {
    let components = components(context, status, digest.as_ref());
    let signature = sign(secret, &components, now, None, None);
    digest.map(|digest| (CONTENT_DIGEST, digest)).into_iter().chain(signature).collect()
}

/// Checks that `service` gave this reply, whose body has this `digest`, to the request of `context`.
///
/// # Errors
/// [`ReplyError`] naming what is wrong.
pub fn verify_reply(
    service: &PublicKey,
    context: &ReplyContext,
    status: StatusCode,
    headers: &HeaderMap,
    digest: Option<&HeaderValue>,
) -> Result<(), ReplyError> {
    let parsed = parse(headers)?.ok_or(ReplyError::Unsigned)?;
    if parsed.key != *service {
        return Err(ReplyError::OtherKey);
    }
    if digest.is_some() && only(headers, &CONTENT_DIGEST) != digest {
        return Err(ReplyError::Digest);
    }
    let valid = parsed.verify(&components(context, status, digest))?;
    if valid { Ok(()) } else { Err(ReplyError::Mismatch) }
}

fn components(context: &ReplyContext, status: StatusCode, digest: Option<&HeaderValue>) -> Vec<Component> {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let ReplyContext { target, digest: asked, nonce } = context;
    let mut components = vec![
        ("\"@status\"", status.as_str().to_owned()),
        ("\"@method\";req", target.method.clone()),
        ("\"@authority\";req", target.authority.clone()),
        ("\"@path\";req", target.path.clone()),
        ("\"@query\";req", target.query.clone()),
        ("\"content-digest\";req", text(asked)),
        ("\"byway-nonce\";req", text(nonce)),
    ];
    components.extend(digest.map(|digest| ("\"content-digest\"", text(digest))));
    components
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::content_digest;

    fn context(nonce: &'static str) -> ReplyContext {
        ReplyContext {
            target: Target::new("POST", "routes.example.org", "/v1/paths:find", None),
            digest: content_digest(b"question"),
            nonce: HeaderValue::from_static(nonce),
        }
    }

    fn headers(list: Vec<(HeaderName, HeaderValue)>) -> HeaderMap {
        list.into_iter().collect()
    }

    #[test]
    fn a_reply_counts_only_for_its_request_status_body_and_service() {
        let (service, other) = (SecretKey::from_seed([1; 32]), SecretKey::from_seed([2; 32]));
        let (asked, ok) = (context("0123456789abcdef"), StatusCode::OK);
        let signed = headers(sign_reply(&service, &asked, ok, Some(content_digest(b"answer")), UnixTime(5)));
        let verify = |key: &SecretKey, context: &ReplyContext, status, body: &[u8]| {
            verify_reply(&key.public(), context, status, &signed, Some(&content_digest(body)))
        };
        assert_eq!(verify(&service, &asked, ok, b"answer"), Ok(()));
        assert_eq!(verify(&other, &asked, ok, b"answer"), Err(ReplyError::OtherKey));
        assert_eq!(verify(&service, &asked, ok, b"altered"), Err(ReplyError::Digest));
        assert_eq!(verify(&service, &asked, StatusCode::CREATED, b"answer"), Err(ReplyError::Mismatch));
        let later = context("fedcba9876543210");
        assert_eq!(verify(&service, &later, ok, b"answer"), Err(ReplyError::Mismatch));
        let elsewhere =
            ReplyContext { target: Target { path: "/v1/stats".into(), ..asked.target.clone() }, ..asked };
        assert_eq!(verify(&service, &elsewhere, ok, b"answer"), Err(ReplyError::Mismatch));
    }

    #[test]
    fn a_signed_head_of_a_stream_does_not_pass_for_a_signed_reply() {
        let service = SecretKey::from_seed([1; 32]);
        let asked = context("0123456789abcdef");
        let mut signed = headers(sign_reply(&service, &asked, StatusCode::OK, None, UnixTime(5)));
        assert_eq!(verify_reply(&service.public(), &asked, StatusCode::OK, &signed, None), Ok(()));
        let made_up = content_digest(b"made up");
        signed.insert(CONTENT_DIGEST, made_up.clone());
        let verdict = verify_reply(&service.public(), &asked, StatusCode::OK, &signed, Some(&made_up));
        assert!(matches!(verdict, Err(ReplyError::Malformed(_))), "{verdict:?}");
    }

    #[test]
    fn an_unsigned_reply_is_told_apart() {
        let asked = context("0123456789abcdef");
        let service = SecretKey::from_seed([1; 32]).public();
        let verdict =
            verify_reply(&service, &asked, StatusCode::OK, &HeaderMap::new(), Some(&content_digest(b"")));
        assert_eq!(verdict, Err(ReplyError::Unsigned));
    }
}
