//! A listener behind which only authenticated connections come out, whatever carries them.
//!
//! Handshakes run concurrently within [`HandshakeLimits`]: a silent dialler costs one slot for a few seconds and delays
//! nobody.

mod admission;

use std::{
    collections::{BTreeMap, VecDeque},
    error::Error,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use byway_base::limits::{ACCEPT_PAUSE, HANDSHAKE_TIMEOUT, HANDSHAKES_AT_ONCE, HANDSHAKES_PER_ADDRESS};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::{Instant, sleep_until},
};

use admission::{Admission, Ticket};

pub use admission::source_network;

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

/// Where raw connections come from, and how their diallers prove their keys.
pub(crate) trait Source: Send + 'static {
    /// A dialler that has proved nothing yet.
    type Raw: Send;
    /// An authenticated connection.
    type Connection: Send + 'static;
    /// Why a dialler was turned away.
    type Refusal: Error + Send + 'static;

    /// The next dialler, while `pending` handshakes are under way. Errors of the socket pause accepting.
    fn accept(&mut self, pending: usize) -> impl Future<Output = io::Result<(Self::Raw, SocketAddr)>> + Send;

    /// Sees a dialler through its handshake.
    fn handshake(
        &self,
        raw: Self::Raw,
        within: Duration,
    ) -> impl Future<Output = Result<Self::Connection, Self::Refusal>> + Send + 'static;
}

/// The task that accepts, as its owner sees it. Dropping it ends accepting and the handshakes under way.
#[derive(Debug)]
pub(crate) struct Handshakes<C> {
    authenticated: mpsc::Receiver<C>,
    /// Holds the task; dropping the set ends it.
    _driver: JoinSet<()>,
}

impl<C: Send + 'static> Handshakes<C> {
    pub(crate) fn start<S: Source<Connection = C> + Sync>(source: S, limits: HandshakeLimits) -> Self {
        let (out, authenticated) = mpsc::channel(limits.at_once.max(1));
        let mut driver = JoinSet::new();
        driver.spawn(Driver::new(source, limits, out).run());
        Self { authenticated, _driver: driver }
    }

    /// The next authenticated connection. Errors of single connections and of the socket never end the listener; `None`
    /// only comes if its task was ended from outside, with the runtime.
    ///
    /// # Cancel safety
    /// No connection is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<C> {
        self.authenticated.recv().await
    }
}

/// A handshake under way.
#[derive(Debug)]
struct Pending {
    address: IpAddr,
    ticket: Ticket,
}

type Done<S> = Result<<S as Source>::Connection, <S as Source>::Refusal>;
type Finished<S> = Result<(Id, Done<S>), JoinError>;

/// What happens next at a listener.
enum Event<S: Source> {
    /// The owner took a connection.
    Delivered,
    /// A handshake is over. Boxed: a connection may be a kilobyte, the other events are words.
    Finished(Box<Finished<S>>),
    /// The pause after an error is over.
    Resumed,
    /// A connection arrived, or the socket failed.
    Accepted(io::Result<(S::Raw, SocketAddr)>),
    /// The owner is gone.
    Closed,
}

struct Driver<S: Source> {
    source: S,
    limits: HandshakeLimits,
    out: mpsc::Sender<S::Connection>,
    admission: Admission,
    tasks: JoinSet<Done<S>>,
    pending: BTreeMap<Id, Pending>,
    handles: BTreeMap<Ticket, AbortHandle>,
    /// Authenticated, not yet taken by the owner of the listener. Bounded: at the limit accepting pauses, and newcomers
    /// wait in the backlog of the source.
    ready: VecDeque<S::Connection>,
    /// Accepting pauses until then after an error of the socket. Handshakes go on, since their end is what frees
    /// descriptors.
    paused: Option<Instant>,
}

impl<S: Source + Sync> Driver<S> {
    fn new(source: S, limits: HandshakeLimits, out: mpsc::Sender<S::Connection>) -> Self {
        Self {
            source,
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
                Event::Accepted(Ok((raw, address))) => self.begin(raw, address.ip()),
                Event::Accepted(Err(error)) => self.pause(&error),
                Event::Closed => return,
            }
        }
    }

    async fn next(&mut self) -> Event<S> {
        let room = self.ready.len() < self.limits.at_once.max(1);
        let resume = self.paused.unwrap_or_else(Instant::now);
        let pending = self.pending.len();
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
            accepted = self.source.accept(pending), if room && self.paused.is_none() => Event::Accepted(accepted),
        }
    }

    fn begin(&mut self, raw: S::Raw, address: IpAddr) {
        let (ticket, evicted) = self.admission.admit(address);
        if let Some(handle) = evicted.and_then(|evicted| self.handles.remove(&evicted)) {
            tracing::debug!(%address, "handshake ended to make room for a newer one");
            handle.abort();
        }
        let handle = self.tasks.spawn(self.source.handshake(raw, self.limits.timeout));
        self.pending.insert(handle.id(), Pending { address, ticket });
        self.handles.insert(ticket, handle);
    }

    fn finish(&mut self, done: Finished<S>) {
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
    use std::{convert::Infallible, future::ready};

    use super::*;

    /// Fails a few times before it accepts, once.
    struct Failing {
        errors: Vec<io::ErrorKind>,
        accepted: bool,
    }

    impl Source for Failing {
        type Raw = ();
        type Connection = &'static str;
        type Refusal = Infallible;

        async fn accept(&mut self, _: usize) -> io::Result<((), SocketAddr)> {
            match self.errors.pop() {
                Some(error) => Err(error.into()),
                None if self.accepted => std::future::pending().await,
                None => {
                    self.accepted = true;
                    Ok(((), ([192, 0, 2, 1], 1).into()))
                }
            }
        }

        fn handshake(
            &self,
            (): (),
            _: Duration,
        ) -> impl Future<Output = Result<&'static str, Infallible>> + Send + 'static {
            ready(Ok("authenticated"))
        }
    }

    #[tokio::test]
    async fn errors_of_the_socket_never_end_the_listener() {
        let errors = vec![io::ErrorKind::ConnectionAborted, io::ErrorKind::OutOfMemory, io::ErrorKind::Other];
        let mut handshakes =
            Handshakes::start(Failing { errors, accepted: false }, HandshakeLimits::default());
        assert_eq!(handshakes.next().await, Some("authenticated"));
    }

    #[test]
    fn lasting_errors_pause_the_listener_and_those_of_one_connection_do_not() {
        // EMFILE, ENFILE, ENOBUFS, ENOMEM against ECONNABORTED, EINTR, ENETUNREACH.
        assert!(![24, 23, 105, 12].map(io::Error::from_raw_os_error).iter().any(is_of_one_connection));
        assert!([103, 4, 101].map(io::Error::from_raw_os_error).iter().all(is_of_one_connection));
    }
}
