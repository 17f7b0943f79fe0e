//! What requests and replies share: the message's target, signing, and strict reading of the signature's headers.

use byway_base::{PublicKey, SecretKey, Signature, UnixTime};
use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, header::HOST, request::Parts};
use httpsig::prelude::{
    AlgorithmName, HttpSigResult, HttpSignatureBase, HttpSignatureHeaders, HttpSignatureParams, SigningKey,
    message_component::{HttpMessageComponent, HttpMessageComponentId},
};

use super::digest::only;
use crate::authority::normal;

pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("signature");
pub(super) const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
/// The label of our signatures; readers accept any.
const LABEL: &str = "byway";
/// Bytes of a signature's headers; ours have fewer than 500.
const HEADER_MAX: usize = 2048;

/// Where a request goes: what a signature binds it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The method, upper case.
    pub method: String,
    /// `host` or `host:port`, lower case, without a port that the scheme implies.
    pub authority: String,
    /// The path as sent, percent-encoded.
    pub path: String,
    /// The query as sent with its `?`; `?` alone if there is none.
    pub query: String,
}

/// A signature's headers that do not follow the rules of [the module](super).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// A component of a message: its identifier as in the signature's input, and its value.
pub(super) type Component = (&'static str, String);

/// The headers of a signature, read but not verified.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) key: PublicKey,
    pub(super) params: HttpSignatureParams,
    signature: Signature,
}

impl Target {
    /// The target of a request as the client sends it.
    #[must_use]
    pub fn new(method: &str, authority: &str, path: &str, query: Option<&str>) -> Self {
        Self {
            method: method.to_owned(),
            authority: normal(authority),
            path: path.to_owned(),
            query: format!("?{}", query.unwrap_or_default()),
        }
    }

    /// The target of a request as the server received it; `None` if it names no host, or more than one.
    #[must_use]
    pub fn of(request: &Parts) -> Option<Self> {
        let uri = &request.uri;
        let authority = match uri.authority() {
            Some(authority) => authority.as_str(),
            None => only(&request.headers, &HOST)?.to_str().ok()?,
        };
        Some(Self::new(request.method.as_str(), authority, uri.path(), uri.query()))
    }
}

struct Signer<'a>(&'a SecretKey);

impl SigningKey for Signer<'_> {
    fn sign(&self, data: &[u8]) -> HttpSigResult<Vec<u8>> {
        Ok(self.0.sign(data).as_bytes().to_vec())
    }

    fn key_id(&self) -> String {
        self.0.public().to_string()
    }

    fn alg(&self) -> AlgorithmName {
        AlgorithmName::Ed25519
    }
}

/// The two headers of a signature over `components`.
pub(super) fn sign(
    secret: &SecretKey,
    components: &[Component],
    created: UnixTime,
    expires: Option<UnixTime>,
    nonce: Option<&str>,
) -> [(HeaderName, HeaderValue); 2] {
    let params = HttpSignatureParams {
        created: Some(created.0),
        expires: expires.map(|time| time.0),
        nonce: nonce.map(str::to_owned),
        alg: Some(AlgorithmName::Ed25519.to_string()),
        keyid: Some(secret.public().to_string()),
        tag: None,
        covered_components: components.iter().map(|(id, _)| component_id(id)).collect(),
    };
    let headers = base(&params, components)
        .and_then(|base| base.build_signature_headers(&Signer(secret), Some(LABEL)).ok())
        .expect("components and parameters were made for each other");
    let value = |text: String| HeaderValue::try_from(text).expect("structured fields are valid in a header");
    [
        (SIGNATURE_INPUT, value(headers.signature_input_header_value())),
        (SIGNATURE, value(headers.signature_header_value())),
    ]
}

/// Reads the headers of the one signature of a message. `Ok(None)` if it carries none.
pub(super) fn parse(headers: &HeaderMap) -> Result<Option<Parsed>, Malformed> {
    if !headers.contains_key(SIGNATURE) && !headers.contains_key(SIGNATURE_INPUT) {
        return Ok(None);
    }
    let text =
        |name| only(headers, &name).and_then(|value| value.to_str().ok()).filter(|v| v.len() <= HEADER_MAX);
    let (Some(signature), Some(input)) = (text(SIGNATURE), text(SIGNATURE_INPUT)) else {
        return Err(Malformed("a message has exactly one signature and one signature-input header"));
    };
    let signatures = HttpSignatureHeaders::try_parse(signature, input)
        .map_err(|_| Malformed("the signature's headers are no structured fields of RFC 9421"))?;
    let [found] = signatures.values().collect::<Vec<_>>()[..] else {
        return Err(Malformed("a message has exactly one signature"));
    };
    let params = found.signature_params();
    // What is verified below is composed from the parsed parameters. If they do not give back the text that was sent,
    // then parts were ignored or could be read in two ways.
    if found.signature_input_header_value() != input.trim() {
        let reason =
            "the parameters are created, expires, nonce, alg and keyid in this order, and nothing else";
        return Err(Malformed(reason));
    }
    if params.alg.as_deref() != Some(AlgorithmName::Ed25519.as_str()) {
        return Err(Malformed("the signature's alg is not ed25519"));
    }
    let keyid = params.keyid.as_deref().unwrap_or_default();
    let key = keyid.parse::<PublicKey>().ok().filter(|key| key.to_string() == keyid);
    let key = key.ok_or(Malformed("the signature's keyid is not a key in base32"))?;
    let bytes = BASE64.decode(found.signature().to_string().as_bytes()).unwrap_or_default();
    let bytes = bytes.try_into().map_err(|_| Malformed("the signature is not 64 bytes long"))?;
    Ok(Some(Parsed { key, params: params.clone(), signature: Signature::from_bytes(bytes) }))
}

impl Parsed {
    /// Whether the signature covers exactly `components`, in whichever order, and is its key's over their values.
    pub(super) fn verify(&self, components: &[Component]) -> Result<bool, Malformed> {
        let covered = &self.params.covered_components;
        let ordered: Vec<Component> = covered
            .iter()
            .filter_map(|id| components.iter().find(|(other, _)| component_id(other) == *id))
            .cloned()
            .collect();
        if ordered.len() != components.len() || covered.len() != components.len() {
            return Err(Malformed("the signature does not cover exactly the components that it must"));
        }
        let base = base(&self.params, &ordered).ok_or(Malformed("the signature's base cannot be formed"))?;
        Ok(self.key.verify(&base.as_bytes(), &self.signature).is_ok())
    }
}

fn base(params: &HttpSignatureParams, components: &[Component]) -> Option<HttpSignatureBase> {
    let lines: Vec<_> = components
        .iter()
        .map(|(id, value)| HttpMessageComponent::try_from((&component_id(id), &[value.clone()][..])))
        .collect::<Result<_, _>>()
        .ok()?;
    HttpSignatureBase::try_new(&lines, params).ok()
}

fn component_id(text: &'static str) -> HttpMessageComponentId {
    HttpMessageComponentId::try_from(text).expect("component identifiers are constants")
}
