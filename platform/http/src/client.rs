//! Calls endpoints, reads change streams and replies in lines.

mod by_key;
mod events;
mod http_client;
mod lines;
mod reply;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use byway_api::{Auth, AuthClass, Endpoint, Event};
use byway_base::{
    Code, Problem, PublicKey, SecretKey,
    limits::{HTTP_EVENT_MAX, HTTP_REPLY_MAX, HTTP_TIMEOUT, STREAM_KEEPALIVE},
};
use byway_clock::unix_now;
use futures_util::stream::BoxStream;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use reqwest::{Request, Response, Url};

pub use by_key::{ByteStream, Dial};
pub use lines::Parts;

use crate::{
    address::ServiceAddress,
    signature::{
        CONTENT_DIGEST, NONCE, ReplyContext, Target, content_digest, fresh_nonce, sign_request, verify_reply,
    },
};

/// How long a stream may be silent: three of its keep-alive comments lost.
const STREAM_SILENCE: Duration = Duration::from_secs(3 * STREAM_KEEPALIVE.as_secs());
/// Time for a call: the server's own, and some for the way there and back.
const CALL_TIMEOUT: Duration = Duration::from_secs(HTTP_TIMEOUT.as_secs() + 5);

/// Calls one service. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    by_key: Option<ByKey>,
    base: Url,
    secret: Option<SecretKey>,
    service: Option<PublicKey>,
    timeout: Duration,
}

/// The service is reached by its key.
#[derive(Clone)]
struct ByKey {
    key: PublicKey,
    dial: Arc<dyn Dial>,
}

/// What a change stream yields; it ends after the first error and after [`Event::Reset`].
pub type Events<T> = BoxStream<'static, Result<Event<T>, Problem>>;

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caller = self.secret.as_ref().map(SecretKey::public);
        let (base, service) = (self.base.as_str(), &self.service);
        f.debug_struct("Client")
            .field("base", &base)
            .field("caller", &caller)
            .field("service", service)
            .finish()
    }
}

/// A request as it is sent, and what its reply must be bound to.
struct Prepared {
    request: Request,
    reply: Option<ReplyContext>,
}

impl Client {
    /// A client of the service at `base`, an `http` or `https` URL.
    ///
    /// `secret` signs requests to signed endpoints. If `service` is given, replies that this key did not sign for
    /// exactly this request are refused.
    ///
    /// # Errors
    /// `BW-CONFIG` if `base` is no such URL.
    pub fn new(base: &str, secret: Option<SecretKey>, service: Option<PublicKey>) -> Result<Self, Problem> {
        let address = ServiceAddress { url: base.to_owned(), key: service };
        Self::at(&address, secret, None)
    }

    /// As [`Self::new`], of a service that may also be reached by its key, through `dial`. That connection proves the
    /// key, so that replies are not asked to be signed.
    ///
    /// # Errors
    /// `BW-CONFIG` if the URL is none of the schemes `http`, `https` and `messaging`, or is of the last without a `dial`.
    pub fn at(
        address: &ServiceAddress,
        secret: Option<SecretKey>,
        dial: Option<Arc<dyn Dial>>,
    ) -> Result<Self, Problem> {
        let wrong = |why: &dyn fmt::Display| {
            Problem::new(Code::Config, format!("cannot call the service at '{}'", address.url), why)
        };
        let base = Url::parse(&address.url).map_err(|error| wrong(&error))?;
        let (base, by_key) = match (base.scheme(), address.by_key(), dial) {
            ("http" | "https", ..) if base.has_host() => (base, None),
            ("messaging", Some(key), Some(dial)) => {
                // The key in its one canonical form, since requests are signed for it.
                let url = format!("messaging://{key}{}", base.path());
                (Url::parse(&url).map_err(|error| wrong(&error))?, Some(ByKey { key, dial }))
            }
            ("messaging", Some(_), None) => return Err(wrong(&"there is no messaging to reach it through")),
            ("messaging", None, _) => return Err(wrong(&"it is not messaging://KEY")),
            _ => return Err(wrong(&"it is no http, https or messaging URL")),
        };
        let http = http_client::build()
            .map_err(|error| Problem::new(Code::Internal, format!("cannot call {base}"), error))?;
        let proven = by_key.as_ref().map(|by_key| by_key.key);
        let service = address.key.filter(|key| proven != Some(*key));
        Ok(Self { http, by_key, base, secret, service, timeout: CALL_TIMEOUT })
    }

    /// Replaces the time for a call, connecting included; a little more than the server's own by default.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The service's URL.
    #[must_use]
    pub fn base(&self) -> &str {
        self.base.as_str()
    }

    /// Calls an endpoint. A request that the service takes for replayed is signed anew once.
    ///
    /// Cancel safety: if dropped, the call may or may not have had its effect.
    ///
    /// # Errors
    /// The service's own [`Problem`], or `BW-SERVICE-UNREACHABLE`, `BW-TIMEOUT`, `BW-BAD-SIGNATURE` if the reply is not
    /// the expected service's, `BW-TOO-LARGE` or `BW-PROTOCOL` if it is not of the endpoint's form, `BW-UNSIGNED` if
    /// the endpoint wants a signature and the client has no key.
    pub async fn call<E: Endpoint>(
        &self,
        path: E::Path,
        query: E::Query,
        body: E::Request,
    ) -> Result<E::Reply, Problem> {
        let attempt = async || {
            let prepared = self.prepare::<E>(&path, &query, &body)?;
            let work = async {
                let (response, reply) = self.send(prepared).await?;
                self.finish(response, reply).await
            };
            reply::decode(&self.in_time(self.timeout, work).await?)
        };
        match attempt().await {
            Err(problem) if problem.code == Code::Replayed => attempt().await,
            outcome => outcome,
        }
    }

    /// Opens a change stream. Resuming after an error is the caller's: with the last sequence number that it saw.
    ///
    /// # Errors
    /// As [`Self::call`]; so do the items. A stream that is silent for too long fails with `BW-TIMEOUT`.
    pub async fn watch<E: Endpoint<Request = ()>>(
        &self,
        path: E::Path,
        query: E::Query,
        last_event_id: Option<u64>,
    ) -> Result<Events<E::Reply>, Problem> {
        let (response, _) = self.open::<E>(&path, &query, "text/event-stream", last_event_id).await?;
        let chunks =
            futures_util::stream::try_unfold((self.clone(), response), async |(client, mut response)| {
                let chunk = client.in_time(STREAM_SILENCE, client.chunk(&mut response)).await?;
                Ok(chunk.map(|chunk| (chunk, (client, response))))
            });
        Ok(events::read(chunks, HTTP_EVENT_MAX))
    }

    /// Calls an endpoint up to the head of its reply, which must be a success.
    async fn open<E: Endpoint<Request = ()>>(
        &self,
        path: &E::Path,
        query: &E::Query,
        accept: &'static str,
        last_event_id: Option<u64>,
    ) -> Result<(Response, Option<ReplyContext>), Problem> {
        let attempt = async || {
            let mut prepared = self.prepare::<E>(path, query, &())?;
            let headers = prepared.request.headers_mut();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            if let Some(id) = last_event_id {
                headers.insert("last-event-id", HeaderValue::from(id));
            }
            let work = async {
                let (response, reply) = self.send(prepared).await?;
                if !response.status().is_success() {
                    let body = self.finish(response, reply).await?;
                    return Err(reply::not_of_form(format_args!("{} bytes that are no stream", body.len())));
                }
                self.check(reply.as_ref(), response.status(), response.headers(), None)?;
                Ok((response, reply))
            };
            self.in_time(self.timeout, work).await
        };
        match attempt().await {
            Err(problem) if problem.code == Code::Replayed => attempt().await,
            outcome => outcome,
        }
    }

    fn prepare<E: Endpoint>(
        &self,
        path: &E::Path,
        query: &E::Query,
        body: &E::Request,
    ) -> Result<Prepared, Problem> {
        let unusable =
            |why: &dyn fmt::Display| Problem::new(Code::Usage, format!("cannot call {}", E::NAME), why);
        let url = http_client::url::<E>(&self.base, path).map_err(|error| unusable(&error))?;
        let method = http::Method::try_from(E::METHOD.as_str()).map_err(|error| unusable(&error))?;
        let mut builder = self.http.request(method, url).query(query);
        let mut json = serde_json::to_vec(body).map_err(|error| unusable(&error))?;
        if json == b"null" {
            json.clear();
        } else {
            builder = builder.header(CONTENT_TYPE, "application/json");
        }
        let mut request = builder.body(json.clone()).build().map_err(|error| unusable(&error))?;
        let url = request.url();
        let target = Target::new(E::METHOD.as_str(), &http_client::authority(url), url.path(), url.query());
        let digest = content_digest(&json);
        let nonce = HeaderValue::try_from(fresh_nonce()).map_err(|error| unusable(&error))?;
        let headers = request.headers_mut();
        if E::Auth::AUTH == Auth::Signed {
            let secret = self.secret.as_ref().ok_or_else(|| {
                Problem::new(
                    Code::Unsigned,
                    format!("cannot call {}", E::NAME),
                    "the client has no key to sign with",
                )
            })?;
            headers.extend(sign_request(secret, &target, &json, unix_now(), &fresh_nonce()));
        }
        let reply = self.service.is_some().then(|| {
            headers.insert(NONCE, nonce.clone());
            headers.insert(CONTENT_DIGEST, digest.clone());
            ReplyContext { target, digest, nonce }
        });
        Ok(Prepared { request, reply })
    }

    async fn send(&self, prepared: Prepared) -> Result<(Response, Option<ReplyContext>), Problem> {
        let Prepared { request, reply } = prepared;
        let response = match &self.by_key {
            Some(ByKey { key, dial }) => by_key::exchange(dial.as_ref(), *key, request).await?,
            None => self.http.execute(request).await.map_err(|error| self.unreachable(&error))?,
        };
        Ok((response, reply))
    }

    /// Reads a whole reply, checks whose it is, and turns problem details back into their problem.
    async fn finish(&self, mut response: Response, reply: Option<ReplyContext>) -> Result<Bytes, Problem> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            if body.len() + chunk.len() > HTTP_REPLY_MAX {
                let why = format!("it has more than {HTTP_REPLY_MAX} bytes");
                return Err(Problem::new(
                    Code::TooLarge,
                    format!("cannot read the reply of {}", self.base),
                    why,
                ));
            }
            body.extend_from_slice(&chunk);
        }
        let digest = content_digest(&body);
        self.check(reply.as_ref(), response.status(), response.headers(), Some(&digest))?;
        if response.status().is_success() {
            return Ok(body.into());
        }
        Err(reply::problem(&self.base, response.status(), &body))
    }

    async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, Problem> {
        response.chunk().await.map_err(|error| self.unreachable(&error))
    }

    fn check(
        &self,
        asked: Option<&ReplyContext>,
        status: StatusCode,
        headers: &HeaderMap,
        digest: Option<&HeaderValue>,
    ) -> Result<(), Problem> {
        let (Some(service), Some(asked)) = (&self.service, asked) else { return Ok(()) };
        verify_reply(service, asked, status, headers, digest).map_err(|error| {
            let what = format!("cannot trust the reply of {}", self.base);
            let hint = format!("check that the service at this address has the key {service}");
            Problem::new(Code::BadSignature, what, error).with_hint(hint)
        })
    }

    async fn in_time<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            let why = format!("nothing came within {} ms", limit.as_millis());
            Err(Problem::new(Code::Timeout, format!("cannot hear from {}", self.base), why))
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> Problem {
        let code = if error.is_timeout() { Code::Timeout } else { Code::ServiceUnreachable };
        Problem::new(code, format!("cannot reach {}", self.base), reply::chain(error))
    }
}
