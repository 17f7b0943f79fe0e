//! Every QUIC setting of a virtual path, each with its reason, in one place.

use std::{sync::Arc, time::Duration};

use byway_base::limits::{
    CHANNEL_BUFFER, DATAGRAM_QUEUE, HANDSHAKES_AT_ONCE, MESSAGING_IDLE, MESSAGING_MTU, ROUTE_STRIPE_SKEW,
    SESSION_IDLE, SESSION_MTU, SESSION_STREAM_WINDOW, SESSION_STREAMS, SESSION_STREAMS_FIRST, SESSION_WINDOW,
};
use quinn::{
    AckFrequencyConfig, ClientConfig, EndpointConfig, MtuDiscoveryConfig, ServerConfig, TransportConfig,
    VarInt,
};

use super::Congestion;
use crate::identity::{Expect, Identity};

/// What differs between virtual paths. Both ends of a path need the same `mtu`; the rest is each end's own.
#[derive(Debug, Clone, Copy)]
pub struct QuicProfile {
    /// Largest QUIC packet that the path carries, bytes, from 1 200 to 16 383 (values beyond are taken as these). Larger
    /// is cheaper: costs are per packet.
    pub mtu: u16,
    /// Whether paths may carry less than `mtu`: then each connection begins with 1 200 and finds out.
    pub discover_mtu: bool,
    /// What limits the bytes in flight.
    pub congestion: Congestion,
    /// A connection without any packet from the peer for this long is lost.
    pub idle_timeout: Duration,
    /// Streams that the peer may have open at once; it waits before the next. quinn sets aside 80 bytes for each allowed
    /// one, open or not: sessions that are many and mostly idle start low and raise it in use
    /// ([`quinn::Connection::set_max_concurrent_bi_streams`]).
    pub streams: u32,
    /// Bytes of QUIC datagrams kept in either direction; beyond it the oldest are dropped.
    pub datagrams: usize,
    /// Keep-alive packets when nothing else is sent; `None` lets an unused connection time out.
    pub keep_alive: Option<Duration>,
}

/// No path under QUIC carries less (RFC 9000, 14).
const MTU_MIN: u16 = 1_200;

/// The packets of a handshake are padded to the MTU, and quinn writes their length in 14 bits (RFC 9000, 17.2).
const MTU_MAX: u16 = 16_383;

/// Bytes of QUIC datagrams kept where few are sent: a burst of a few dozen packets.
const DATAGRAM_BUFFER: usize = 1024 * 1024;

/// A receiver acknowledges every this many packets. Each acknowledgement costs both ends a packet; quinn's every second
/// one would be a third of all packets. A sender whose window is smaller than this waits [`ACK_DELAY`] a round.
const ACK_EVERY: u32 = 8;

/// Longest wait before an acknowledgement. It is part of the sender's probe timeout, and so of the pause after a route
/// broke; quinn's 25 ms would dominate it.
const ACK_DELAY: Duration = Duration::from_millis(5);

/// Round-trip time assumed before the first measurement. A lost first packet is repeated after three of them; RFC 9002's
/// 333 ms means a second.
const INITIAL_RTT: Duration = Duration::from_millis(100);

/// Packets that may overtake another before it counts as lost (RFC 9002, 6.1.1). A path is in order until its route
/// changes; then everything sent on the new route may overtake what is still on the old one. Beyond this the time
/// threshold decides, at most an eighth of a round trip later.
const REORDERING: u32 = 32;

/// The same for sessions, which may go over several routes at once: twice the packets that [`ROUTE_STRIPE_SKEW`] lets
/// overtake, if they are full ones.
const REORDERING_STRIPED: u32 = 128;

/// Round trips after which a packet is lost that a later one overtook (RFC 9002, 6.1.2).
const PATIENCE: f32 = 9.0 / 8.0;

/// The same for sessions. Where one goes over several routes, the round-trip time is that of the faster ones as often as
/// not, and a packet that took the slowest is no loss. The price: what was on a route that broke is sent again up to one
/// round trip later, unless [`REORDERING_STRIPED`] packets went over another one before.
const PATIENCE_STRIPED: f32 = 2.0;

/// First congestion window where CUBIC is used: 64 packets of 16 000 bytes, because an overlay path is rarely slower than
/// that in a round trip, and because less than one packet would stall the handshake.
const INITIAL_WINDOW: u64 = 1024 * 1024;

/// First congestion window of datagrams: a part of what every hop has room for, so that a burst at the begin is not lost.
const DATAGRAM_WINDOW: u64 = DATAGRAM_QUEUE as u64 / 4;

/// How often a larger MTU is tried where it is discovered: a route may have been replaced by one that carries more. quinn's ten
/// minutes suit paths that hardly change.
const MTU_INTERVAL: Duration = Duration::from_secs(60);

/// When it is tried again after large packets vanished, as they do on a route that carries less than the one before.
const MTU_COOLDOWN: Duration = Duration::from_secs(10);

/// Streams in one direction only: for messages that need no answer, of which few are under way at once.
const ONE_WAY_STREAMS: u32 = 64;

/// Packets that wait until the attempt they belong to is accepted, bytes per attempt: a handshake is two or three.
const INCOMING_BUFFER: u64 = 64 * 1024;

/// The same for all attempts together: attempts are accepted at once, so that few ever wait.
const INCOMING_BUFFERS: u64 = 4 * 1024 * 1024;

impl QuicProfile {
    /// For sessions over route groups: back-pressure instead of loss, kept alive across a whole repair of its routes.
    #[must_use]
    pub fn session() -> Self {
        Self {
            mtu: mtu(SESSION_MTU),
            discover_mtu: false,
            congestion: Congestion::BackPressure,
            streams: SESSION_STREAMS_FIRST,
            datagrams: DATAGRAM_BUFFER,
            idle_timeout: SESSION_IDLE,
            keep_alive: Some(SESSION_IDLE / 4),
        }
    }

    /// For channels of datagrams over route groups, beside a session: packets are lost where there is no room for them.
    /// No streams. Each hop has an MTU of its own.
    #[must_use]
    pub fn datagrams() -> Self {
        Self {
            mtu: mtu(SESSION_MTU),
            discover_mtu: true,
            congestion: Congestion::Cubic { initial_window: DATAGRAM_WINDOW },
            streams: 0,
            datagrams: CHANNEL_BUFFER,
            idle_timeout: SESSION_IDLE,
            keep_alive: Some(SESSION_IDLE / 4),
        }
    }

    /// For connections through a messaging server, whose queues drop; unused ones end by themselves.
    #[must_use]
    pub fn messaging() -> Self {
        Self {
            mtu: mtu(MESSAGING_MTU),
            discover_mtu: false,
            congestion: Congestion::Cubic { initial_window: INITIAL_WINDOW },
            streams: SESSION_STREAMS,
            datagrams: DATAGRAM_BUFFER,
            idle_timeout: MESSAGING_IDLE,
            keep_alive: None,
        }
    }

    /// Settings of the endpoint as a whole.
    #[must_use]
    pub fn endpoint_config(&self) -> EndpointConfig {
        let mut config = EndpointConfig::default();
        config.max_udp_payload_size(self.mtu()).expect("QUIC allows 1 200 to 65 527");
        config
    }

    /// Settings for connections that `identity` accepts under `alpns`.
    #[must_use]
    pub fn server_config(&self, identity: &Identity, alpns: &[&[u8]]) -> ServerConfig {
        let mut config = ServerConfig::with_crypto(identity.quic_server_config(alpns));
        config.transport_config(self.transport_config());
        // A peer's address on a virtual path never changes, so that a packet from another one is not its.
        config.migration(false);
        // quinn's 65 536 attempts of a jumbo packet each would be a gigabyte in a stranger's hand.
        config.max_incoming(HANDSHAKES_AT_ONCE);
        config.incoming_buffer_size(INCOMING_BUFFER);
        config.incoming_buffer_size_total(INCOMING_BUFFERS);
        config
    }

    /// Settings for a connection that `identity` dials, for `alpn` only.
    #[must_use]
    pub fn client_config(&self, identity: &Identity, expect: Expect, alpn: &[u8]) -> ClientConfig {
        let mut config = ClientConfig::new(identity.quic_client_config(expect, &[alpn]));
        config.transport_config(self.transport_config());
        config
    }

    /// Settings of each connection.
    #[must_use]
    pub fn transport_config(&self) -> Arc<TransportConfig> {
        let mut config = TransportConfig::default();
        self.set_packets(&mut config);
        self.set_recovery(&mut config);
        self.set_windows(&mut config);
        let idle_ms =
            u64::try_from(self.idle_timeout.as_millis()).ok().and_then(|ms| VarInt::from_u64(ms).ok());
        config
            .max_idle_timeout(Some(idle_ms.unwrap_or(VarInt::MAX).into()))
            .keep_alive_interval(self.keep_alive);
        // The spin bit would tell every relay on the path the round-trip time.
        config.allow_spin(false);
        Arc::new(config)
    }

    /// Where the path's MTU is known and the same for its whole length and life, there is nothing to discover, and no loss
    /// may shrink it. (Above `min_mtu` quinn takes a burst of loss, which is what a route switch looks like, for a black
    /// hole.)
    fn set_packets(&self, config: &mut TransportConfig) {
        if self.discover_mtu {
            let mut discovery = MtuDiscoveryConfig::default();
            discovery.upper_bound(self.mtu()).interval(MTU_INTERVAL).black_hole_cooldown(MTU_COOLDOWN);
            config.initial_mtu(MTU_MIN).min_mtu(MTU_MIN).mtu_discovery_config(Some(discovery));
        } else {
            config.initial_mtu(self.mtu()).min_mtu(self.mtu()).mtu_discovery_config(None);
        }
        // One packet a transmit: see `VirtualSocket::try_send`.
        config.enable_segmentation_offload(false);
    }

    fn set_recovery(&self, config: &mut TransportConfig) {
        let (reordering, patience) = match self.congestion {
            Congestion::BackPressure => (REORDERING_STRIPED, PATIENCE_STRIPED),
            Congestion::Cubic { .. } => (REORDERING, PATIENCE),
        };
        let mut acks = AckFrequencyConfig::default();
        acks.ack_eliciting_threshold(VarInt::from_u32(ACK_EVERY - 1))
            .max_ack_delay(Some(ACK_DELAY))
            // An acknowledgement at once only where it may show a loss.
            .reordering_threshold(VarInt::from_u32(reordering - 1));
        config
            .congestion_controller_factory(self.congestion.factory())
            .ack_frequency_config(Some(acks))
            .initial_rtt(INITIAL_RTT)
            .packet_threshold(reordering)
            .time_threshold(patience);
    }

    fn set_windows(&self, config: &mut TransportConfig) {
        // quinn closes a connection when a stream has more than 1 024 gaps. A window of 2 048 packets has no more even if
        // every second packet is lost.
        let stream_window = SESSION_STREAM_WINDOW.min(2 * 1_024 * u32::from(self.mtu()));
        config
            .stream_receive_window(stream_window.into())
            .receive_window(SESSION_WINDOW.into())
            // What a sender keeps for repetition; as much as a peer like us may grant.
            .send_window(SESSION_WINDOW.into())
            .max_concurrent_bidi_streams(self.streams.into())
            .max_concurrent_uni_streams(self.streams.min(ONE_WAY_STREAMS).into())
            .datagram_receive_buffer_size(Some(self.datagrams))
            .datagram_send_buffer_size(self.datagrams);
    }

    fn mtu(&self) -> u16 {
        self.mtu.clamp(MTU_MIN, MTU_MAX)
    }
}

const _: () = assert!(ROUTE_STRIPE_SKEW <= REORDERING_STRIPED as u64 * SESSION_MTU as u64);

/// The limits give sizes as `usize`; QUIC counts packets in 16 bits.
fn mtu(limit: usize) -> u16 {
    u16::try_from(limit).expect("limits assert that an MTU fits a packet, whose length has 14 bits")
}
