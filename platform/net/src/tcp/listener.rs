//! Accepts TCP connections and yields those whose dialler proved its key.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use byway_base::limits::{ACCEPT_PAUSE, HANDSHAKE_TIMEOUT, HANDSHAKES_AT_ONCE, HANDSHAKES_PER_ADDRESS};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::{Instant, sleep_until},
};

use super::{
    AcceptError, TlsConnection, accept,
    admission::{Admission, Ticket},
};

/// A TCP port behind which only authenticated connections come out.
///
/// Handshakes run concurrently within [`HandshakeLimits`]: a silent dialler costs one slot for a few seconds and
/// delays nobody. Dropping the listener closes the port and ends the handshakes under way.
#[derive(Debug)]
pub struct TlsListener {
    address: SocketAddr,
    authenticated: mpsc::Receiver<TlsConnection>,
    /// Holds the task that accepts; dropping the set ends it.
    _driver: JoinSet<()>,
}

/// How much a listener gives to diallers that have not proved a key yet.
#[derive(Debug, Clone, Copy)]
pub struct HandshakeLimits {
    /// Handshakes under way at once.
    pub at_once: usize,
    /// Of them, from one IPv4 address or one IPv6 /64 network.
    pub per_address: usize,
    /// Time for one.
    pub timeout: Duration,
}

impl Default for HandshakeLimits {
    /// [`HANDSHAKES_AT_ONCE`], [`HANDSHAKES_PER_ADDRESS`], [`HANDSHAKE_TIMEOUT`].
    fn default() -> Self {
        Self {
            at_once: HANDSHAKES_AT_ONCE,
            per_address: HANDSHAKES_PER_ADDRESS,
            timeout: HANDSHAKE_TIMEOUT,
        }
    }
}

impl TlsListener {
    /// Listens on `address`; port 0 takes any free one.
    ///
    /// # Errors
    /// If the address is taken or not this machine's.
    pub async fn bind(address: SocketAddr, config: Arc<ServerConfig>) -> io::Result<Self> {
        Self::start(TcpListener::bind(address).await?, config, HandshakeLimits::default())
    }

    /// Takes over a bound TCP listener, with limits of the caller's.
    ///
    /// # Errors
    /// If the listener does not say its address.
    pub fn start(listener: TcpListener, config: Arc<ServerConfig>, limits: HandshakeLimits) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (out, authenticated) = mpsc::channel(limits.at_once.max(1));
        let mut driver = JoinSet::new();
        driver.spawn(Driver::new(listener, config, limits, out).run());
        Ok(Self { address, authenticated, _driver: driver })
    }

    /// The address it listens on, its port filled in.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// The next authenticated connection. Errors of single connections and of the socket never end the listener; `None`
    /// only comes if its task was ended from outside, with the runtime.
    ///
    /// # Cancel safety
    /// No connection is lost if the future is dropped.
    pub async fn accept(&mut self) -> Option<TlsConnection> {
        self.authenticated.recv().await
    }
}

/// Where raw connections come from; tests put failing sources here.
trait Source: Send {
    fn accept(&mut self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send;
}

impl Source for TcpListener {
    fn accept(&mut self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send {
        Self::accept(self)
    }
}

/// A handshake under way.
#[derive(Debug)]
struct Pending {
    address: IpAddr,
    ticket: Ticket,
}

struct Driver<S> {
    source: S,
    config: Arc<ServerConfig>,
    limits: HandshakeLimits,
    out: mpsc::Sender<TlsConnection>,
    admission: Admission,
    tasks: JoinSet<Result<TlsConnection, AcceptError>>,
    pending: BTreeMap<Id, Pending>,
    handles: BTreeMap<Ticket, AbortHandle>,
    /// Authenticated, not yet taken by the owner of the listener. Bounded: at the limit accepting pauses, and newcomers
    /// wait in the kernel's backlog.
    ready: VecDeque<TlsConnection>,
    /// Accepting pauses until then after an error of the socket. Handshakes go on, since their end is what frees
    /// descriptors.
    paused: Option<Instant>,
}

impl<S: Source> Driver<S> {
    fn new(
        source: S,
        config: Arc<ServerConfig>,
        limits: HandshakeLimits,
        out: mpsc::Sender<TlsConnection>,
    ) -> Self {
        Self {
            source,
            config,
            limits,
            out,
            admission: Admission::new(limits.at_once, limits.per_address),
            tasks: JoinSet::new(),
            pending: BTreeMap::new(),
            handles: BTreeMap::new(),
            ready: VecDeque::new(),
            paused: None,
        }
    }

    async fn run(mut self) {
        loop {
            let room = self.ready.len() < self.limits.at_once.max(1);
            let resume = self.paused.unwrap_or_else(Instant::now);
            tokio::select! {
                permit = self.out.reserve(), if !self.ready.is_empty() => match permit {
                    Ok(permit) => { self.ready.pop_front().map(|connection| permit.send(connection)); }
                    Err(_) => return,
                },
                Some(done) = self.tasks.join_next_with_id() => self.finish(done),
                () = sleep_until(resume), if self.paused.is_some() => self.paused = None,
                accepted = self.source.accept(), if room && self.paused.is_none() => match accepted {
                    Ok((tcp, address)) => self.begin(tcp, address.ip()),
                    Err(error) => self.pause(&error),
                },
            }
        }
    }

    fn begin(&mut self, tcp: TcpStream, address: IpAddr) {
        let (ticket, evicted) = self.admission.admit(address);
        if let Some(handle) = evicted.and_then(|evicted| self.handles.remove(&evicted)) {
            tracing::debug!(%address, "handshake ended to make room for a newer one");
            handle.abort();
        }
        let handle = self.tasks.spawn(accept(tcp, self.config.clone(), self.limits.timeout));
        self.pending.insert(handle.id(), Pending { address, ticket });
        self.handles.insert(ticket, handle);
    }

    fn finish(&mut self, done: Result<(Id, Result<TlsConnection, AcceptError>), JoinError>) {
        let id = done.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let Some(Pending { address, ticket }) = self.pending.remove(&id) else { return };
        self.admission.finish(address, ticket);
        self.handles.remove(&ticket);
        match done {
            Ok((_, Ok(connection))) => self.ready.push_back(connection),
            Ok((_, Err(error))) => tracing::debug!(%address, %error, "dialler turned away"),
            Err(error) if error.is_cancelled() => {}
            Err(error) => tracing::error!(%error, "handshake task failed"),
        }
    }

    fn pause(&mut self, error: &io::Error) {
        if is_of_one_connection(error) {
            tracing::debug!(%error, "a connection ended before it was accepted");
        } else {
            tracing::warn!(%error, pause = ?ACCEPT_PAUSE, "cannot accept connections");
            self.paused = Some(Instant::now() + ACCEPT_PAUSE);
        }
    }
}

/// Whether an error of `accept` concerns only the connection that would have been accepted: see accept(2). All others
/// (no descriptors, no memory) last, so that trying again at once would only burn the processor.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::ConnectionRefused
            | Kind::Interrupted
            | Kind::TimedOut
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
    )
}
