//! What an endpoint is.

use byway_base::{Code, PublicKey};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};

use crate::Line;

/// One HTTP endpoint, described by a type without a value. Declared with [`service!`](macro@crate::service).
///
/// `()` stands for an absent path parameter list, query, body or reply.
pub trait Endpoint: Send + Sync + Sized + 'static {
    /// The type's own name, unique within its service.
    const NAME: &'static str;
    /// The HTTP method.
    const METHOD: Method;
    /// The path, parameters in braces: `/v1/transports/{id}`.
    const PATH: &'static str;
    /// What it does, in sentences.
    const SUMMARY: &'static str;
    /// In which form the reply comes.
    const FORM: Form;
    /// Error codes that it answers with beside those that any endpoint may.
    const CODES: &'static [Code];
    /// Whether each call is written into the service's audit log: a signed write that matters to an administrator.
    const AUDITED: bool;
    /// Who may call it: [`Open`] or [`Signed`].
    type Auth: AuthClass;
    /// The path's parameters: a struct with one field per name in braces.
    type Path: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;
    /// The query string.
    type Query: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;
    /// The JSON body of the request.
    type Request: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;
    /// The JSON body of the reply, of each event, or of each part.
    type Reply: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;
}

/// The HTTP methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads; changes nothing.
    Get,
    /// Creates or replaces what the path names; idempotent.
    Put,
    /// Anything else; the path names the action.
    Post,
    /// Removes what the path names; idempotent.
    Delete,
}

impl Method {
    /// The method as it stands in a request line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// The forms of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON value, or nothing.
    Whole,
    /// Server-sent events without an end, each carrying one [`Endpoint::Reply`].
    Events,
    /// JSON lines, see [`Line`]: parts of something that is too large for one value.
    Lines,
}

/// Who may call an endpoint, as a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Anyone; the handler does not learn who.
    Open,
    /// Whoever signs the request (RFC 9421); the handler learns the key.
    Signed,
}

/// Who may call an endpoint, as a type, so that a handler of a signed endpoint always has the caller's key.
pub trait AuthClass: 'static {
    /// The same as a value.
    const AUTH: Auth;
    /// What a handler learns of the caller.
    type Caller: Clone + Send + Sync + 'static;
    /// The caller from a verified signature's key; `None` if the class needs one and there is none.
    fn caller(signer: Option<PublicKey>) -> Option<Self::Caller>;
    /// Who signed, if the class needs that.
    fn signer(caller: &Self::Caller) -> Option<PublicKey>;
}

/// Anyone may call; see [`Auth::Open`].
#[derive(Debug)]
pub enum Open {}

/// The request must be signed; see [`Auth::Signed`].
#[derive(Debug)]
pub enum Signed {}

impl AuthClass for Open {
    const AUTH: Auth = Auth::Open;
    type Caller = ();

    fn caller(_: Option<PublicKey>) -> Option<()> {
        Some(())
    }

    fn signer((): &()) -> Option<PublicKey> {
        None
    }
}

impl AuthClass for Signed {
    const AUTH: Auth = Auth::Signed;
    type Caller = PublicKey;

    fn caller(signer: Option<PublicKey>) -> Option<PublicKey> {
        signer
    }

    fn signer(caller: &PublicKey) -> Option<PublicKey> {
        Some(*caller)
    }
}

/// An [`Endpoint`] as a value: what documentation and command lines list.
#[derive(Debug, Clone, Copy)]
pub struct Description {
    /// [`Endpoint::NAME`].
    pub name: &'static str,
    /// [`Endpoint::METHOD`].
    pub method: Method,
    /// [`Endpoint::PATH`].
    pub path: &'static str,
    /// [`Endpoint::SUMMARY`].
    pub summary: &'static str,
    /// [`Endpoint::FORM`].
    pub form: Form,
    /// [`Endpoint::CODES`].
    pub codes: &'static [Code],
    /// [`Endpoint::AUDITED`].
    pub audited: bool,
    /// [`Endpoint::Auth`] as a value.
    pub auth: Auth,
    pub(crate) path_schema: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) query_schema: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) request_schema: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) reply_schema: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) line_schema: fn(&mut SchemaGenerator) -> Schema,
}

/// Describes an endpoint type.
#[must_use]
pub const fn describe<E: Endpoint>() -> Description {
    Description {
        name: E::NAME,
        method: E::METHOD,
        path: E::PATH,
        summary: E::SUMMARY,
        form: E::FORM,
        codes: E::CODES,
        audited: E::AUDITED,
        auth: E::Auth::AUTH,
        // Parameters are listed one by one in OpenAPI, so their types stand inline; bodies are referred to by name.
        path_schema: E::Path::json_schema,
        query_schema: E::Query::json_schema,
        request_schema: SchemaGenerator::subschema_for::<E::Request>,
        reply_schema: SchemaGenerator::subschema_for::<E::Reply>,
        line_schema: SchemaGenerator::subschema_for::<Line<E::Reply>>,
    }
}
