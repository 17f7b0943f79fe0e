//! One end of a session as production has it: quinn-proto, with the settings and identities of `byway-net`, in virtual
//! time.
//!
//! What quinn's shell does around a connection is done here: packets go in and come out one by one, one that the routes
//! have no room for waits, timers are asked for. The handshake is TLS with both keys proved; its key shares, and with
//! them all ciphertext, differ from run to run. Sizes, times and contents do not: the endpoint draws from a seed.

mod streams;

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, LazyLock},
    time::Instant,
};

use bytes::Bytes;
use byway_base::{
    Moment, PublicKey,
    limits::{DIAL_TIMEOUT, HANDSHAKE_TIMEOUT, SESSION_MTU},
};
use byway_net::{Expect, Identity, peer_key, quic::QuicProfile};
use quinn_proto::{Connection, ConnectionError, ConnectionHandle, DatagramEvent, Endpoint, Event};
use rustls::pki_types::CertificateDer;

pub(crate) use streams::Streams;

/// Virtual time begins here. quinn-proto only ever takes differences.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
/// A session has one peer, so that every address will do that is one.
const PEER: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xfd62, 0x7977, 0, 0, 0, 0, 0, 2)), 1);
const ALPN: &[u8] = b"byway-session/1";

/// What an end needs to know before its first packet.
pub(crate) struct Start {
    pub(crate) identity: Identity,
    pub(crate) peer: PublicKey,
    /// The source dials, the destination accepts.
    pub(crate) dials: bool,
    /// Largest packet, bytes. QUIC has no smaller ones than 1 200.
    pub(crate) mtu: usize,
    /// Everything that QUIC draws by itself comes from here.
    pub(crate) seed: [u8; 32],
}

/// What an end saw that must not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// A stream gave other bytes than were written to it.
    #[error("stream {stream} gave other bytes than were written to it, within {len} from {from}")]
    Bytes { stream: usize, from: u64, len: usize },
    /// The peer has another key.
    #[error("the peer proved another key than its own")]
    Peer,
    /// A connection that stood was lost.
    #[error("its connection was lost: {0}")]
    Lost(String),
}

/// One end: the app's streams, and once there is a route, the connection that carries them.
pub(crate) struct End {
    streams: Streams,
    quic: Option<Quic>,
    connected: bool,
}

struct Quic {
    endpoint: Endpoint,
    connection: Option<(ConnectionHandle, Connection)>,
    peer: PublicKey,
    dials: bool,
    began: Moment,
    mtu: usize,
    /// A packet that the routes had no room for.
    waiting: Option<Vec<u8>>,
    /// Nothing comes any more, and why.
    over: Option<ConnectionError>,
}

impl End {
    pub(crate) const fn new(streams: Streams) -> Self {
        Self { streams, quic: None, connected: false }
    }

    pub(crate) const fn has_started(&self) -> bool {
        self.quic.is_some()
    }

    /// The first route is there: the source dials, the destination waits for it.
    pub(crate) fn start(&mut self, now: Moment, start: Start) {
        self.quic = Some(Quic::start(now, start));
    }

    /// Takes a packet of the other end.
    pub(crate) fn handle(&mut self, now: Moment, packet: &[u8]) {
        if let Some(quic) = &mut self.quic {
            quic.handle(now, packet);
        }
    }

    /// Does what packets and timers gave cause to, and lets the app write and read.
    ///
    /// # Errors
    /// The first thing that must not be.
    pub(crate) fn work(&mut self) -> Result<(), Fault> {
        let Some(quic) = &mut self.quic else { return Ok(()) };
        self.connected |= quic.events()?;
        let Some((_, connection)) = &mut quic.connection else { return Ok(()) };
        if self.connected && !connection.is_closed() {
            self.streams.work(connection)?;
        }
        let over = quic.over.clone();
        match over {
            Some(ConnectionError::LocallyClosed | ConnectionError::ApplicationClosed(_)) | None => Ok(()),
            Some(why) if self.stands() => Err(Fault::Lost(why.to_string())),
            Some(_) => Ok(()),
        }
    }

    /// The next packet that is to go out.
    pub(crate) fn next_packet(&mut self, now: Moment) -> Option<Vec<u8>> {
        let quic = self.quic.as_mut()?;
        if let Some(packet) = quic.waiting.take() {
            return Some(packet);
        }
        let (_, connection) = quic.connection.as_mut()?;
        let mut packet = Vec::with_capacity(quic.mtu);
        let transmit = connection.poll_transmit(instant(now), 1, &mut packet)?;
        packet.truncate(transmit.size);
        Some(packet)
    }

    /// The packet found no room: it is the next one again.
    pub(crate) fn put_back(&mut self, packet: Vec<u8>) {
        if let Some(quic) = &mut self.quic {
            quic.waiting = Some(packet);
        }
    }

    pub(crate) fn poll_timeout(&mut self) -> Option<Moment> {
        let (_, connection) = self.quic.as_mut()?.connection.as_mut()?;
        let due = connection.poll_timeout()?;
        Some(Moment::from_origin(due.saturating_duration_since(*ORIGIN)))
    }

    pub(crate) fn handle_timeout(&mut self, now: Moment) {
        if let Some((_, connection)) = self.quic.as_mut().and_then(|quic| quic.connection.as_mut()) {
            connection.handle_timeout(instant(now));
        }
    }

    /// Whether a dial failed or took longer than a dialler waits: for the handshake, and for the first stream.
    pub(crate) fn dial_failed(&self, now: Moment) -> bool {
        let within = if self.connected { DIAL_TIMEOUT } else { HANDSHAKE_TIMEOUT };
        let late = |quic: &Quic| quic.dials && (quic.over.is_some() || quic.began + within <= now);
        !self.stands() && self.quic.as_ref().is_some_and(late)
    }

    /// Whether the dial is over: the other end took a stream. Its handshake alone does not tell that it has ours.
    fn stands(&self) -> bool {
        self.connected && self.streams.is_any_open()
    }

    /// Says goodbye to the other end.
    pub(crate) fn close(&mut self, now: Moment) {
        if let Some((_, connection)) = self.quic.as_mut().and_then(|quic| quic.connection.as_mut()) {
            connection.close(instant(now), 0u32.into(), Bytes::from_static(b"done"));
        }
    }

    pub(crate) const fn streams(&self) -> &Streams {
        &self.streams
    }

    pub(crate) const fn streams_mut(&mut self) -> &mut Streams {
        &mut self.streams
    }

    /// Packets that QUIC took for lost.
    pub(crate) fn lost_packets(&self) -> u64 {
        let connection = self.quic.as_ref().and_then(|quic| quic.connection.as_ref());
        connection.map_or(0, |(_, connection)| connection.stats().path.lost_packets)
    }

    /// How far it is, for a report.
    pub(crate) fn progress(&self) -> String {
        let begun = if self.connected { "connected" } else { "not connected" };
        format!("{begun}, {}", self.streams.progress())
    }
}

impl Quic {
    fn start(now: Moment, start: Start) -> Self {
        let Start { identity, peer, dials, mtu, seed } = start;
        let session = QuicProfile::session();
        let mtu = mtu.clamp(1_200, SESSION_MTU);
        // As in production, the destination opens no streams.
        let streams = if dials { 0 } else { session.streams };
        let profile = QuicProfile { mtu: mtu as u16, streams, ..session };
        let mut config = profile.endpoint_config();
        config.rng_seed(Some(seed));
        let server = (!dials).then(|| Arc::new(profile.server_config(&identity, &[ALPN])));
        let mut endpoint = Endpoint::new(Arc::new(config), server, false, None);
        let connection = dials.then(|| {
            let config = profile.client_config(&identity, Expect::Exactly(peer), ALPN);
            endpoint.connect(instant(now), config, PEER, &peer.to_string()).expect("a fresh endpoint dials")
        });
        Self { endpoint, connection, peer, dials, began: now, mtu, waiting: None, over: None }
    }

    fn handle(&mut self, now: Moment, packet: &[u8]) {
        let mut answer = Vec::new();
        match self.endpoint.handle(instant(now), PEER, None, None, packet.into(), &mut answer) {
            Some(DatagramEvent::NewConnection(incoming)) if self.connection.is_none() => {
                match self.endpoint.accept(incoming, instant(now), &mut answer, None) {
                    Ok(connection) => self.connection = Some(connection),
                    Err(error) => self.over = Some(error.cause),
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.endpoint.ignore(incoming),
            Some(DatagramEvent::ConnectionEvent(to, event)) => {
                if let Some((_, connection)) = self.connection.as_mut().filter(|(handle, _)| *handle == to) {
                    connection.handle_event(event);
                }
            }
            // For peers that this end does not know, or no more; losing it is what a path may do.
            Some(DatagramEvent::Response(_)) | None => {}
        }
    }

    /// Passes events between connection and endpoint. Says whether the handshake came to its end.
    fn events(&mut self) -> Result<bool, Fault> {
        let Some((handle, connection)) = &mut self.connection else { return Ok(false) };
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
        let mut connected = false;
        while let Some(event) = connection.poll() {
            match event {
                Event::Connected => connected = true,
                Event::ConnectionLost { reason } => self.over = Some(reason),
                // Streams are looked at after every packet.
                Event::Stream(_)
                | Event::HandshakeDataReady
                | Event::DatagramReceived
                | Event::DatagramsUnblocked => {}
            }
        }
        if connected && proved_key(connection) != Some(self.peer) {
            return Err(Fault::Peer);
        }
        Ok(connected)
    }
}

fn proved_key(connection: &Connection) -> Option<PublicKey> {
    let identity = connection.crypto_session().peer_identity()?;
    peer_key(&identity.downcast::<Vec<CertificateDer<'static>>>().ok()?).ok()
}

fn instant(now: Moment) -> Instant {
    *ORIGIN + now.since_origin()
}

#[cfg(test)]
mod tests;
