//! A small service, and ways to speak to it well and badly.

use std::{net::SocketAddr, sync::Arc};

use byway_api::{Event, service};
use byway_base::{Code, Problem, PublicKey, SecretKey};
use byway_http::{
    Audit,
    client::Client,
    server::{Call, EventStream, Feed, Handle, Limits, LineStream, Server, Watch},
};
use futures_util::StreamExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

service! {
    /// Keeps notes.
    pub(crate) Notes = "notes" {
        /// Writes a note; answers with it and its writer. Number 403 is nobody's to write, 504 waits for ever.
        PutNote: PUT "/v1/notes/{id}", signed, path NotePath, query NoteQuery, body Note, reply Written, codes [Denied],
            audited;
        /// Reads a note. Number 404 is missing, 500 panics, 503 waits for the gate, 504 waits for ever.
        GetNote: GET "/v1/notes/{id}", open, path NotePath, reply Note, codes [NotFound];
        /// Removes a note.
        DeleteNote: DELETE "/v1/notes/{id}", signed, path NotePath, codes [];
        /// Reads back what it is sent.
        EchoNote: POST "/v1/notes:echo", open, body Note, reply Note, codes [];
        /// Numbers from `since` on.
        WatchNumbers: GET "/v1/events", open, query Since, stream u64, codes [];
        /// Numbers after `since`, up to the newest; after a missing one there are no more.
        ListNumbers: GET "/v1/numbers", open, query Since, lines u64, codes [];
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct NotePath {
    pub(crate) id: u32,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoteQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) colour: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    pub(crate) text: String,
    pub(crate) stars: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Written {
    pub(crate) id: u32,
    pub(crate) colour: Option<u32>,
    pub(crate) by: PublicKey,
    pub(crate) note: Note,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Since {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<u64>,
}

/// Numbers before this one are too old for the stream.
pub(crate) const OLDEST: u64 = 10;

/// A number that cannot be listed.
pub(crate) const MISSING: u64 = 13;

pub(crate) struct Api {
    pub(crate) entered: Notify,
    pub(crate) gate: Semaphore,
    pub(crate) newest: watch::Sender<u64>,
}

impl Handle<PutNote> for Api {
    async fn handle(&self, call: Call<PutNote>) -> Result<Written, Problem> {
        match call.path.id {
            403 => {
                return Err(Problem::new(Code::Denied, "cannot write note 403", "it is nobody's to write"));
            }
            504 => std::future::pending::<()>().await,
            _ => {}
        }
        Ok(Written { id: call.path.id, colour: call.query.colour, by: call.caller, note: call.body })
    }
}

impl Handle<GetNote> for Api {
    async fn handle(&self, call: Call<GetNote>) -> Result<Note, Problem> {
        match call.path.id {
            404 => {
                Err(Problem::new(Code::NotFound, "cannot read note 404", "there is none")
                    .with_hint("write it"))
            }
            500 => panic!("a defect"),
            503 => {
                self.entered.notify_one();
                let _passed = self.gate.acquire().await;
                Ok(note())
            }
            504 => std::future::pending().await,
            _ => Ok(note()),
        }
    }
}

impl Handle<DeleteNote> for Api {
    async fn handle(&self, _: Call<DeleteNote>) -> Result<(), Problem> {
        Ok(())
    }
}

impl Handle<EchoNote> for Api {
    async fn handle(&self, call: Call<EchoNote>) -> Result<Note, Problem> {
        Ok(call.body)
    }
}

impl Watch<WatchNumbers> for Api {
    async fn watch(&self, call: Call<WatchNumbers>) -> Result<EventStream<u64>, Problem> {
        let newest = self.newest.subscribe();
        let since = call.last_event_id.or(call.query.since).unwrap_or(*newest.borrow());
        if since + 1 < OLDEST {
            let reset = Event::Reset { sequence: *newest.borrow() };
            return Ok(futures_util::stream::iter([reset]).boxed());
        }
        let numbers = futures_util::stream::unfold((since, newest), async |(last, mut newest)| {
            newest.wait_for(|newest| *newest > last).await.ok()?;
            Some((Event::Item { sequence: last + 1, item: last + 1 }, (last + 1, newest)))
        });
        Ok(numbers.boxed())
    }
}

impl Feed<ListNumbers> for Api {
    async fn feed(&self, call: Call<ListNumbers>) -> Result<LineStream<u64>, Problem> {
        let (since, newest) = (call.query.since.unwrap_or_default(), *self.newest.borrow());
        if since > newest {
            return Err(Problem::new(Code::NotFound, "cannot list numbers", "there are none yet"));
        }
        let numbers = (since + 1..=newest).map(|number| match number {
            MISSING => Err(Problem::new(Code::NotReady, "cannot go on", "a number is missing")),
            number => Ok(number),
        });
        Ok(futures_util::stream::iter(numbers).boxed())
    }
}

pub(crate) fn note() -> Note {
    Note { text: "hello".into(), stars: 5 }
}

pub(crate) fn caller() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

pub(crate) fn service() -> SecretKey {
    SecretKey::from_seed([2; 32])
}

/// The service at work, on a port of its own.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) api: Arc<Api>,
    pub(crate) audit: Audit,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<()>,
}

pub(crate) async fn start() -> Running {
    start_with(Limits::default(), &[]).await
}

pub(crate) async fn start_with(limits: Limits, names: &[&str]) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let api =
        Arc::new(Api { entered: Notify::new(), gate: Semaphore::new(0), newest: watch::Sender::new(20) });
    let shutdown = CancellationToken::new();
    let audit = Audit::default();
    let server = Server::<Notes>::new(api.clone()).sign_with(service()).audit(audit.clone()).limits(limits);
    let server = names.iter().fold(server, |server, name| server.authority(name));
    let served = tokio::spawn(server.serve(listener, shutdown.clone()));
    Running { address, api, audit, shutdown, served }
}

impl Running {
    pub(crate) fn client(&self) -> Client {
        client_of(self.address)
    }

    /// Sends bytes on a connection of their own and reads until the service closes it.
    pub(crate) async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The service may refuse before it has read everything.
        let _ = stream.write_all(bytes.as_ref()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A request written by hand, with a body of JSON.
    pub(crate) async fn request(&self, line: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        let json = "content-type: application/json\r\nconnection: close";
        let head = format!("{line} HTTP/1.1\r\n{headers}{json}\r\ncontent-length: {length}\r\n\r\n");
        self.raw(head + body).await
    }

    /// The `host` header of this service.
    pub(crate) fn host(&self) -> String {
        format!("host: {}\r\n", self.address)
    }
}

/// A client that signs and insists on signed replies.
pub(crate) fn client_of(address: SocketAddr) -> Client {
    Client::new(&format!("http://{address}"), Some(caller()), Some(service().public())).unwrap()
}

/// Status and code of an answer written out.
#[track_caller]
pub(crate) fn verdict(answer: &str) -> (&str, &str) {
    let status = answer.split(' ').nth(1).unwrap_or_default();
    let code = answer.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    (status, code)
}
