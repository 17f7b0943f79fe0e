//! Every QUIC setting of a link over UDP, each with its reason, in one place.

use std::{sync::Arc, time::Duration};

use byway_base::limits::{
    HANDSHAKES_AT_ONCE, LINK_DATAGRAMS, LINK_REORDER, LINK_STREAM_WINDOW, LINK_STREAMS, LINK_UNSENT,
    MESSAGING_CLIENT_QUEUE, MESSAGING_PING, MESSAGING_SILENCE, TRANSPORT_PING_INTERVAL, TRANSPORT_SILENCE,
};
use quinn::{
    AckFrequencyConfig, ClientConfig, EndpointConfig, MtuDiscoveryConfig, ServerConfig, TransportConfig,
    VarInt,
};

use super::gauge::{Gauge, Gauged};
use crate::identity::{Expect, Identity};

/// Largest UDP payload that is looked for, bytes: a jumbo Ethernet frame less IPv6 and UDP headers. Costs are per packet;
/// the search costs a dozen packets.
const PAYLOAD_MAX: u16 = 8_952;

/// A receiver acknowledges every this many packets: acknowledgements cost both ends a packet. A sender whose window is
/// smaller waits [`ACK_DELAY`] a round.
const ACK_EVERY: u32 = 8;

/// Longest wait before an acknowledgement; it is part of every round-trip time that the sender sees.
const ACK_DELAY: Duration = Duration::from_millis(5);

/// Round-trip time assumed before the first measurement. A lost first packet is repeated after three of them; RFC 9002's
/// 333 ms means a second.
const INITIAL_RTT: Duration = Duration::from_millis(100);

/// Packets that wait until the attempt they belong to is accepted, bytes per attempt: a handshake is two or three.
const INCOMING_BUFFER: u64 = 8 * 1024;

/// The same for all attempts together: attempts are accepted at once, so that few ever wait.
const INCOMING_BUFFERS: u64 = 1024 * 1024;

/// What differs between links over UDP.
#[derive(Debug, Clone, Copy)]
pub struct UdpProfile {
    /// A link without any packet from the peer for this long is lost.
    silence: Duration,
    /// Keep-alive packets when nothing else is sent, if at all.
    keep_alive: Option<Duration>,
    /// Bytes of one stream that wait for lost ones before them, or to be read.
    stream_window: u32,
    /// The same for all streams together.
    window: u32,
    /// Streams in one direction that the peer may have open.
    streams: u32,
    /// Bytes of QUIC datagrams kept in either direction, if there are any.
    datagrams: Option<usize>,
}

impl UdpProfile {
    /// For transports: few, busy, each trusted with as much memory as its route groups need.
    #[must_use]
    pub fn transports() -> Self {
        Self {
            silence: TRANSPORT_SILENCE,
            // The peer may be behind a NAT that forgets silent ones.
            keep_alive: Some(TRANSPORT_PING_INTERVAL),
            stream_window: LINK_STREAM_WINDOW,
            window: LINK_REORDER,
            streams: LINK_STREAMS,
            datagrams: Some(LINK_DATAGRAMS),
        }
    }

    /// For clients of a messaging server: many, mostly idle, and of anybody. They ask for signs of life themselves, and
    /// speak on one stream.
    #[must_use]
    pub fn messaging() -> Self {
        let window = u32::try_from(MESSAGING_CLIENT_QUEUE).unwrap_or(u32::MAX);
        Self {
            silence: MESSAGING_PING + 2 * MESSAGING_SILENCE,
            keep_alive: None,
            stream_window: window,
            window,
            streams: 0,
            datagrams: None,
        }
    }
}

pub(super) fn endpoint() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    config.max_udp_payload_size(PAYLOAD_MAX).expect("QUIC allows 1 200 to 65 527");
    // STUN shares the socket: only with the fixed bit in its place no packet can be taken for it (RFC 9443, 3).
    config.grease_quic_bit(false);
    config
}

/// For connections that `identity` accepts under `alpns`.
pub(super) fn server(
    identity: &Identity,
    alpns: &[&[u8]],
    profile: &UdpProfile,
    gauge: &Arc<Gauge>,
) -> ServerConfig {
    let mut config = ServerConfig::with_crypto(identity.quic_server_config(alpns));
    config.transport_config(transport(profile, gauge));
    // A peer whose address changes, behind a NAT or between networks, keeps its transports.
    config.migration(true);
    // Beyond it attempts are refused before they cost anything.
    config.max_incoming(HANDSHAKES_AT_ONCE);
    config.incoming_buffer_size(INCOMING_BUFFER);
    config.incoming_buffer_size_total(INCOMING_BUFFERS);
    config
}

/// For a connection that `identity` dials, for `alpn` only.
pub(super) fn client(
    identity: &Identity,
    expect: Expect,
    alpn: &[u8],
    profile: &UdpProfile,
    gauge: &Arc<Gauge>,
) -> ClientConfig {
    let mut config = ClientConfig::new(identity.quic_client_config(expect, &[alpn]));
    config.transport_config(transport(profile, gauge));
    config
}

fn transport(profile: &UdpProfile, gauge: &Arc<Gauge>) -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(PAYLOAD_MAX);
    let mut acks = AckFrequencyConfig::default();
    acks.ack_eliciting_threshold(VarInt::from_u32(ACK_EVERY - 1)).max_ack_delay(Some(ACK_DELAY));
    let silence_ms = u32::try_from(profile.silence.as_millis()).unwrap_or(u32::MAX);
    config
        .mtu_discovery_config(Some(mtu))
        .congestion_controller_factory(Arc::new(Gauged(gauge.clone())))
        .ack_frequency_config(Some(acks))
        .initial_rtt(INITIAL_RTT)
        .max_idle_timeout(Some(VarInt::from_u32(silence_ms).into()))
        .keep_alive_interval(profile.keep_alive)
        // The spin bit would tell everybody on the path the round-trip time.
        .allow_spin(false)
        .stream_receive_window(profile.stream_window.into())
        .receive_window(profile.window.into())
        // Raised with the window of the congestion control, as the owner of the connection sees fit.
        .send_window(LINK_UNSENT)
        // The one on which the edges agree, for control packets after that.
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(profile.streams))
        .datagram_receive_buffer_size(profile.datagrams)
        .datagram_send_buffer_size(profile.datagrams.unwrap_or(0));
    Arc::new(config)
}
