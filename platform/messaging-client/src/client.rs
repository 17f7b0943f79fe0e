//! A messaging client: start it, then dial and accept by public key.

use std::{sync::Arc, time::Duration};

use byway_base::{Code, Problem, PublicKey, limits::RECORD_BATCH};
use byway_http::client::Dial;
use byway_messaging::ServerInfo;
use byway_net::{
    Identity,
    quic::{self, QuicProfile},
    virtual_path::synthetic_address,
};
use byway_wire::{Candidate, RecordBody, SignedRecord};
use quinn::{Connection, Endpoint, VarInt};
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    acceptor::{self, Acceptors, PeerConnections},
    config::Config,
    dialler::Dialler,
    directory::Directory,
    discover,
    error::{ConnectError, UnknownAlpn},
    hub::Hub,
    look_up::{self, LookUps},
    publisher::Publisher,
    service::ServiceDialler,
    status::{Board, Status},
    steward::Steward,
};

/// Time for peers to learn that connections were closed on purpose.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// A running client of messaging. Clones are the same client; it runs until the token that it was started with is
/// cancelled.
#[derive(Clone)]
pub struct MessagingClient {
    inner: Arc<Inner>,
}

struct Inner {
    key: PublicKey,
    hub: Arc<Hub>,
    dialler: Arc<Dialler>,
    acceptors: Arc<Acceptors>,
    directory: Option<Arc<dyn Directory>>,
    contact: watch::Sender<Contact>,
    status: watch::Receiver<Status>,
    board: Board,
    shutdown: CancellationToken,
    closed: CancellationToken,
}

/// The part of the contact record that the client's owner decides.
#[derive(Debug, Clone, Default)]
struct Contact {
    candidates: Vec<Candidate>,
    transit: bool,
}

impl MessagingClient {
    /// Starts a client; call it within a tokio runtime. Returns at once: see [`MessagingClient::ready`]. With neither a
    /// directory nor a server it is never ready.
    ///
    /// # Errors
    /// None at present; the QUIC library reserves the right.
    pub fn start(config: Config, shutdown: CancellationToken) -> Result<Self, Problem> {
        let identity = Identity::new(config.identity.clone());
        let (key, board) = (identity.public(), Board::default());
        let hub = Hub::new(identity, config.servers_wanted, config.prefer);
        let profile = QuicProfile::messaging();
        let local = synthetic_address(&key);
        let endpoint = quic::endpoint(hub.clone(), local, &hub.identity, &config.alpns, &profile)
            .map_err(|error| Problem::new(Code::Internal, "cannot start the messaging client", error))?;

        let first = Status::present(&hub, &board);
        let (status_sender, status) = watch::channel(first);
        let (delegated_sender, delegated) = watch::channel(Vec::new());
        let (contact, contact_receiver) =
            watch::channel(Contact { candidates: config.candidates.clone(), transit: config.transit });
        let acceptors = Acceptors::new(&config.alpns);
        let dialler = Arc::new(Dialler::new(hub.clone(), endpoint.clone(), profile));
        let by_key = match &config.directory {
            Some(directory) => directory.attach(ServiceDialler::new(&dialler)),
            None => Vec::new(),
        };
        let named = config.servers.iter().map(|server| server.key).collect();
        let look_ups = LookUps::new(config.directory.clone(), by_key, named);
        let steward = Steward::new(hub.clone(), look_ups, delegated_sender, status_sender, board.clone());

        let tasks = Tasks {
            endpoint: endpoint.clone(),
            dialler: dialler.clone(),
            links: CancellationToken::new(),
            helpers: vec![tokio::spawn(acceptor::run(endpoint.clone(), acceptors.clone()))],
            publisher: config.directory.clone().map(|directory| {
                let body = own_record(delegated, contact_receiver, &shutdown);
                let (board, hub) = (board.clone(), hub.clone());
                let report = move |problem| {
                    board.set("record", problem);
                    hub.work.notify_one();
                };
                let publisher = Publisher::new(config.identity.clone(), directory, body, report);
                tokio::spawn(publisher.run(shutdown.clone()))
            }),
        };
        let tasks = tasks.and_discover(&hub, config.directory.clone(), board.clone());
        let configured =
            config.servers.iter().map(|server| ServerInfo::configured(server.key, server.address));
        hub.with_core(|core, now| core.learn_servers(configured, now));
        let steward = tokio::spawn(steward.run(tasks.links.clone()));
        let closed = CancellationToken::new();
        tokio::spawn(tasks.run(steward, shutdown.clone(), closed.clone()));

        let directory = config.directory;
        let inner =
            Inner { key, hub, dialler, acceptors, directory, contact, status, board, shutdown, closed };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whose client it is.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.inner.key
    }

    /// Waits until at least one messaging server is connected. For ever, if none ever is. Cancel safe.
    pub async fn ready(&self) {
        // It only fails once the client is shut down; nobody is to take that for readiness.
        if self.inner.status.clone().wait_for(|status| status.connected).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// A connection to `peer` for the protocol `alpn`: the one that exists, or a new one. Connections are shared, and
    /// close by themselves when nothing was sent for [`byway_base::limits::MESSAGING_IDLE`]. When the messaging server
    /// between the two dies, the connection goes on through another.
    ///
    /// # Errors
    /// [`ConnectError`], after ten seconds at most.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the attempt.
    pub async fn connect(&self, peer: PublicKey, alpn: &'static [u8]) -> Result<Connection, ConnectError> {
        tokio::select! {
            biased;
            () = self.inner.shutdown.cancelled() => Err(ConnectError::Closed),
            connection = self.inner.dialler.connect(peer, alpn) => connection,
        }
    }

    /// Opens streams to services by their keys, for clients of HTTP; until the client was shut down.
    #[must_use]
    pub fn services(&self) -> Arc<dyn Dial> {
        ServiceDialler::new(&self.inner.dialler)
    }

    /// Takes the connections that peers open for `alpn`. A later call for the same protocol takes over from an earlier
    /// one. At most [`byway_base::limits::ACCEPT_BACKLOG`] wait; further ones are closed.
    ///
    /// # Errors
    /// [`UnknownAlpn`] if the client was not started for the protocol.
    pub fn accept(&self, alpn: &'static [u8]) -> Result<PeerConnections, UnknownAlpn> {
        self.inner.acceptors.register(alpn)
    }

    /// Says in the contact record at which addresses direct transports are accepted. Published at once.
    pub fn set_candidates(&self, candidates: Vec<Candidate>) {
        self.inner.contact.send_modify(|contact| contact.candidates = candidates);
    }

    /// Verified contact records of `keys`; unknown ones are left out.
    ///
    /// # Errors
    /// If the directory does not answer, or there is none.
    pub async fn look_up(&self, keys: &[PublicKey]) -> Result<Vec<SignedRecord>, Problem> {
        let directory = self.inner.directory.as_deref().ok_or_else(|| {
            let why = "no messaging discovery is configured";
            Problem::new(Code::ServiceUnreachable, "cannot look contact records up", why)
        })?;
        let mut records = Vec::new();
        for batch in keys.chunks(RECORD_BATCH) {
            records.extend(look_up::fetch(directory, batch.to_vec()).await?);
        }
        Ok(records)
    }

    /// Every messaging server that is known: those that configuration names, and those that discovery listed.
    #[must_use]
    pub fn servers(&self) -> Vec<ServerInfo> {
        self.inner.hub.with_core(|core, _| core.known_servers().cloned().collect())
    }

    /// The present state.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::present(&self.inner.hub, &self.inner.board)
    }

    /// The state, and its changes; those of relayed peers and of round trips are not told on their own.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.inner.status.clone()
    }

    /// Waits until the client has shut down: its record withdrawn, its connections closed. Cancel safe.
    pub async fn closed(&self) {
        self.inner.closed.cancelled().await;
    }
}

impl std::fmt::Debug for MessagingClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("MessagingClient").field(&self.inner.key).finish()
    }
}

/// What runs behind a client.
struct Tasks {
    endpoint: Endpoint,
    /// Kept until the record is withdrawn, which may take a connection by key.
    dialler: Arc<Dialler>,
    /// Cancelled when the links may go.
    links: CancellationToken,
    helpers: Vec<JoinHandle<()>>,
    publisher: Option<JoinHandle<()>>,
}

impl Tasks {
    fn and_discover(mut self, hub: &Arc<Hub>, directory: Option<Arc<dyn Directory>>, board: Board) -> Self {
        if let Some(directory) = directory {
            self.helpers.push(tokio::spawn(discover::run(hub.clone(), directory, board)));
        }
        self
    }

    /// Waits for the end, then takes everything down in the order in which peers notice least.
    async fn run(self, steward: JoinHandle<()>, shutdown: CancellationToken, closed: CancellationToken) {
        shutdown.cancelled().await;
        if let Some(publisher) = self.publisher {
            // It withdraws the record within its own deadline.
            let _ = publisher.await;
        }
        drop(self.dialler);
        self.endpoint.close(VarInt::from_u32(0), b"shut down");
        let _ = timeout(CLOSE_TIMEOUT, self.endpoint.wait_idle()).await;
        self.links.cancel();
        let _ = steward.await;
        self.helpers.iter().for_each(JoinHandle::abort);
        closed.cancel();
    }
}

/// Follows the servers and the contact, and says what the record says. Ends with either, or with `shutdown`.
fn own_record(
    mut delegated: watch::Receiver<Vec<PublicKey>>,
    mut contact: watch::Receiver<Contact>,
    shutdown: &CancellationToken,
) -> watch::Receiver<Option<RecordBody>> {
    let (sender, receiver) = watch::channel(None);
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        loop {
            let servers = delegated.borrow_and_update().clone();
            let Contact { candidates, transit } = contact.borrow_and_update().clone();
            if !servers.is_empty() {
                sender.send_replace(Some(RecordBody::Node { servers, candidates, transit }));
            }
            let changed = tokio::select! {
                () = shutdown.cancelled() => return sender.closed().await,
                changed = delegated.changed() => changed,
                changed = contact.changed() => changed,
            };
            if changed.is_err() {
                return sender.closed().await;
            }
        }
    });
    receiver
}
