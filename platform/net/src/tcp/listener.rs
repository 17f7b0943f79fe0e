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
        Self { at_once: HANDSHAKES_AT_ONCE, per_address: HANDSHAKES_PER_ADDRESS, timeout: HANDSHAKE_TIMEOUT }
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
    pub fn start(
        listener: TcpListener,
        config: Arc<ServerConfig>,
        limits: HandshakeLimits,
    ) -> io::Result<Self> {
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

type Finished = Result<(Id, Result<TlsConnection, AcceptError>), JoinError>;

/// What happens next at a listener.
enum Event {
    /// The owner took a connection.
    Delivered,
    /// A handshake is over. Boxed: a TLS connection is a kilobyte, the other events are words.
    Finished(Box<Finished>),
    /// The pause after an error is over.
    Resumed,
    /// A connection arrived, or the socket failed.
    Accepted(io::Result<(TcpStream, SocketAddr)>),
    /// The owner is gone.
    Closed,
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
            match self.next().await {
                Event::Delivered => {}
                Event::Finished(done) => self.finish(*done),
                Event::Resumed => self.paused = None,
                Event::Accepted(Ok((tcp, address))) => self.begin(tcp, address.ip()),
                Event::Accepted(Err(error)) => self.pause(&error),
                Event::Closed => return,
            }
        }
    }

    async fn next(&mut self) -> Event {
        let room = self.ready.len() < self.limits.at_once.max(1);
        let resume = self.paused.unwrap_or_else(Instant::now);
        tokio::select! {
            permit = self.out.reserve(), if !self.ready.is_empty() => {
                let (Ok(permit), Some(connection)) = (permit, self.ready.pop_front()) else {
                    return Event::Closed;
                };
                permit.send(connection);
                Event::Delivered
            }
            Some(done) = self.tasks.join_next_with_id() => Event::Finished(Box::new(done)),
            () = sleep_until(resume), if self.paused.is_some() => Event::Resumed,
            accepted = self.source.accept(), if room && self.paused.is_none() => Event::Accepted(accepted),
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

    fn finish(&mut self, done: Finished) {
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

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;
    use crate::{Expect, Identity, tcp::connect};

    /// Fails a few times before it accepts.
    struct Failing {
        listener: TcpListener,
        errors: Vec<io::ErrorKind>,
    }

    impl Source for Failing {
        async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
            match self.errors.pop() {
                Some(error) => Err(error.into()),
                None => self.listener.accept().await,
            }
        }
    }

    #[tokio::test]
    async fn errors_of_the_socket_never_end_the_listener() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let errors = vec![io::ErrorKind::ConnectionAborted, io::ErrorKind::OutOfMemory, io::ErrorKind::Other];
        let [server, client] = [1, 2].map(|seed| Identity::new(SecretKey::from_seed([seed; 32])));
        let (out, mut authenticated) = mpsc::channel(1);
        let source = Failing { listener, errors };
        let driver = Driver::new(source, server.server_config(&[b"x"]), HandshakeLimits::default(), out);
        let _driver = tokio::spawn(driver.run());
        let dialled = connect(address, &client, Expect::Any, b"x", Duration::from_secs(60)).await;
        assert_eq!(dialled.unwrap().peer, server.public());
        assert_eq!(authenticated.recv().await.unwrap().peer, client.public());
    }

    #[test]
    fn lasting_errors_pause_the_listener_and_those_of_one_connection_do_not() {
        // EMFILE, ENFILE, ENOBUFS, ENOMEM against ECONNABORTED, EINTR, ENETUNREACH.
        assert!(![24, 23, 105, 12].map(io::Error::from_raw_os_error).iter().any(is_of_one_connection));
        assert!([103, 4, 101].map(io::Error::from_raw_os_error).iter().all(is_of_one_connection));
    }
}
