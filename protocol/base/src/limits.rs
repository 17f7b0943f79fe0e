//! Every limit and default of the network, each with its reason. Their relations are asserted at compile time.

use std::time::Duration;

// ---- Packets ----

/// Largest payload of one packet, bytes. One session packet: QUIC's long header limits a packet to 2^14 bytes, and a
/// TLS record carries as much, so that one packet of this size and its header fill one record.
pub const PACKET_PAYLOAD_MAX: usize = 16_376;
/// Bytes of the packet header.
pub const PACKET_HEADER: usize = 8;
/// MTU of the virtual path under a session, bytes: one packet's payload.
pub const SESSION_MTU: usize = 16_000;
/// MTU of the virtual path through a messaging server, bytes.
pub const MESSAGING_MTU: usize = 16_000;
/// Largest payload of a messaging datagram, bytes.
pub const MESSAGING_PAYLOAD_MAX: usize = 16_376;
/// How much a transport reads at once, bytes: amortises locks, wake-ups and system calls over a dozen packets.
pub const TRANSPORT_READ_CHUNK: usize = 256 * 1024;
/// How much a transport takes from its queues for one write, bytes.
pub const TRANSPORT_WRITE_BATCH: usize = 256 * 1024;

// ---- Forwarding ----

/// Credit that each flow of a route starts with at each hop, and falls back to when idle, bytes. Both neighbours know it
/// without a message. Bounds what a reader that was dead from the start holds at a hop; 16 packets, enough for 1 Gbit/s
/// over a hop of 2 ms.
pub const CREDIT_WINDOW: usize = 256 * 1024;
/// Smallest window, bytes: two packets, so that one is under way while the other is passed on.
pub const CREDIT_WINDOW_MIN: usize = 34 * 1024;
/// Largest window that a receiver grants, bytes: 1 Gbit/s over a hop of 250 ms.
pub const CREDIT_WINDOW_MAX: usize = 32 * 1024 * 1024;
/// A forwarder grants credit back once it owes this part of the window: few packets, and never a stalled sender.
pub const CREDIT_GRANT_PART: usize = 8;
/// Credit cost of packets that a local sender may have waiting at one route, bytes. Enough to fill a transport's batch
/// while the session prepares the next, and little enough not to delay what the session sends after a switch.
pub const LOCAL_QUEUE: usize = 384 * 1024;
/// Time that data should wait at one hop at most; windows shrink towards it.
pub const QUEUE_DELAY: Duration = Duration::from_millis(50);
/// Bytes that the queues of one node hold in all, unless told otherwise. Windows no longer grow when half of it is
/// promised beyond their first size; where it is exceeded, the route with the largest queue ends.
pub const FORWARDER_MEMORY: usize = 256 * 1024 * 1024;
/// Bytes of `datagram` packets queued per flow before further ones are dropped.
pub const DATAGRAM_QUEUE: usize = 256 * 1024;
/// Bytes that one flow may send before the next flow of the same transport has its turn (deficit round robin).
pub const FAIR_QUANTUM: usize = 32 * 1024;
/// Control packets (credit, fault, close, ping) waiting on one transport. A peer that does not read them is cut off.
pub const CONTROL_QUEUE: usize = 65_536;
/// Rules that one node holds.
pub const RULES_PER_NODE: usize = 262_144;
/// Rules that one node holds on behalf of one setup node.
pub const RULES_PER_SETUP_NODE: usize = 131_072;
/// Routes between others that come to a node from one neighbour: half of all, so that no neighbour takes them alone.
pub const ROUTES_PER_PEER: usize = RULES_PER_NODE / 4;
/// Routes of one source, other than the node itself, that one node holds: more than that source has groups.
pub const ROUTES_PER_INITIATOR: usize = RULES_PER_NODE / 8;
/// Transports that one node holds.
pub const TRANSPORTS_PER_NODE: usize = 4_096;
/// A route without a packet for this long is removed, both ends being told.
pub const ROUTE_IDLE: Duration = Duration::from_secs(120);
/// How often a source probes each route of a session that sends; keeps spares warm.
pub const ROUTE_PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// The same for a session that sends nothing: an idle session with one spare costs about 2 MB a day.
pub const ROUTE_PROBE_IDLE: Duration = Duration::from_secs(20);
/// The same while something is wrong: data was sent and nothing came back, a probe is late, or the active route looks
/// worse than the spare. Also the time after which an unanswered probe is late, if the route's round trip is not longer.
pub const ROUTE_PROBE_ALERT: Duration = Duration::from_millis(500);
/// Probes in a row that may be late before the session leaves the route, if another one answers.
pub const ROUTE_PROBES_LOST: u32 = 3;
/// A route that answered nothing for this long counts as broken and is removed.
pub const ROUTE_SILENCE: Duration = Duration::from_secs(15);
/// Probes in a row by which the active route must be clearly worse than the spare before the session leaves it.
pub const ROUTE_DEGRADED_PROBES: u32 = 5;
/// How much longer than one and a half times the spare's the active route's round trip must be to count as clearly worse,
/// for each of its hops: what a route that carries data may queue there ([`QUEUE_DELAY`]). So a route never looks bad
/// only because it is used.
pub const ROUTE_DEGRADED_MARGIN: Duration = QUEUE_DELAY;
/// After a switch for worse quality, the next one waits this long; doubled each time that it leads back.
pub const ROUTE_HOLD: Duration = Duration::from_secs(30);
/// Longest such wait.
pub const ROUTE_HOLD_MAX: Duration = Duration::from_secs(600);
/// Routes over which one session may send at once. Paths without a common intermediate are few, and each more costs
/// probes and rules.
pub const ROUTE_STRIPES: u8 = 8;
/// Bytes that may overtake a packet because it took a slower route of the same session. A quarter of a stream's window,
/// so that the sender never waits for the slow packet.
pub const ROUTE_STRIPE_SKEW: u64 = 1024 * 1024;
/// A routing ID is not used again for this long after its rule went.
pub const ROUTING_ID_QUIET: Duration = Duration::from_secs(30);

// ---- Transports ----

/// How often an idle transport is pinged.
pub const TRANSPORT_PING_INTERVAL: Duration = Duration::from_secs(5);
/// A transport that answered nothing for this long is lost.
pub const TRANSPORT_SILENCE: Duration = Duration::from_secs(15);
/// Time for authentication and the exchange of signatures, both sides together.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshakes under way at once at one listener; the rest wait in the kernel's backlog.
pub const HANDSHAKES_AT_ONCE: usize = 512;
/// Handshakes under way at once from one IP address.
pub const HANDSHAKES_PER_ADDRESS: usize = 64;
/// Pause of a listener after the socket failed to accept, for example without free descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time to open a connection to an address.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshakes under way at one UDP socket before further diallers have to prove their address, which costs them a round
/// trip: as many as one address may have.
pub const HANDSHAKES_UNVALIDATED: usize = HANDSHAKES_PER_ADDRESS;
/// Bytes that a UDP socket takes in while its node is busy; the kernel may allow less. 10 ms at 3 Gbit/s.
pub const UDP_RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
/// Datagrams that wait beside QUIC at one UDP socket before further ones are dropped: a burst of STUN requests to a server.
/// Each sender repeats what was lost.
pub const SIDE_CHANNEL_QUEUE: usize = 1_024;
/// Addresses that a node tells a peer to look for a direct way, and that it tries of those it was told. More are hardly
/// ever true, and each is one that a peer may have us send packets to.
pub const PUNCH_CANDIDATES: usize = 8;
/// STUN servers that one survey asks: two show what a NAT does, the others are for those that do not answer.
pub const STUN_SERVERS: usize = 4;
/// Bytes that the kernel holds unsent on a TCP connection before it counts as full. Queueing belongs in front of it,
/// where it is fair; half of it keeps a line of 100 Mbit/s busy for 5 ms until the writer has its turn.
pub const KERNEL_UNSENT: u32 = 128 * 1024;
/// Streams that a peer may have open at once on a `quic` transport, one for each flow; further flows share them. Each
/// costs some hundred bytes.
pub const LINK_STREAMS: u32 = 256;
/// Flow-control window of one stream of a `quic` transport, bytes. Credit paces flows, so that a stream is read at once
/// and its window must never be the limit.
pub const LINK_STREAM_WINDOW: u32 = 32 * 1024 * 1024;
/// Bytes that may wait at the receiver of a `quic` transport for lost ones before them, all streams together. As much as
/// a sender keeps for repetition; a peer that sends more is cut off.
pub const LINK_REORDER: u32 = 64 * 1024 * 1024;
/// Bytes that a `quic` transport hands to QUIC beyond what may be in flight, at least: a few batches, so that QUIC never
/// waits for the scheduler.
pub const LINK_UNSENT: u64 = 128 * 1024;
/// The same as time at the path's rate: half of what a hop may hold.
pub const LINK_UNSENT_TIME: Duration = Duration::from_millis(25);
/// Bytes kept for streams of a `quic` transport that the peer does not let grow, so that others go on. Beyond it all wait.
pub const LINK_STALLED: usize = 8 * 1024 * 1024;
/// Bytes of QUIC datagrams kept in either direction; beyond it the oldest are dropped. As one flow's.
pub const LINK_DATAGRAMS: usize = DATAGRAM_QUEUE;
/// First pause before a lost connection is tried again; doubles, with jitter.
pub const REDIAL_MIN: Duration = Duration::from_millis(250);
/// Longest pause before a lost connection is tried again.
pub const REDIAL_MAX: Duration = Duration::from_secs(30);

// ---- Messaging ----

/// Clients of one messaging server.
pub const MESSAGING_CLIENTS: usize = 65_536;
/// Bytes queued towards one client of a messaging server; what exceeds them is dropped and counted.
pub const MESSAGING_CLIENT_QUEUE: usize = 2 * 1024 * 1024;
/// Links of a messaging server with others that it dialled, and as many with others that dialled it.
pub const MESSAGING_LINKS: usize = 256;
/// Bytes queued towards another messaging server: four clients' worth, since many clients share it.
pub const MESSAGING_LINK_QUEUE: usize = 4 * MESSAGING_CLIENT_QUEUE;
/// Bytes queued towards a messaging server that is being dialled: the first packets of a few dozen connections.
pub const MESSAGING_LINK_WAITING: usize = 512 * 1024;
/// Other servers that a messaging server dials at once.
pub const MESSAGING_LINKS_DIALLED: usize = 64;
/// Of these, for one client.
pub const MESSAGING_LINKS_WANTED: usize = 4;
/// Servers that a client stays connected to.
pub const MESSAGING_SERVERS_PER_CLIENT: usize = 2;
/// Bytes per second of STUN answers that one source gets: some ninety answers, enough for an office behind one address.
pub const STUN_SOURCE_RATE: u64 = 4 * 1024;
/// The same for all sources together.
pub const STUN_RATE: u64 = 1024 * STUN_SOURCE_RATE;
/// Sources of STUN requests that a server remembers.
pub const STUN_SOURCES: usize = 8_192;
/// Bytes queued in a client towards its server before senders wait.
pub const MESSAGING_SEND_QUEUE: usize = 1024 * 1024;
/// Connections of one peer, for one protocol, that a node serves at once: the one in use, and such as have not timed out
/// since the peer restarted.
pub const MESSAGING_CONNECTIONS_PER_PEER: usize = 4;
/// Peers that are no trusted setup nodes and hold connections to a node's setup protocol. All that they hear is that they
/// are refused.
pub const SETUP_STRANGERS: usize = 64;
/// Silence after which a client asks its messaging server whether it lives. An idle link over TCP costs 0.4 MB a day
/// so; shorter than NATs keep TCP connections, and UDP mappings that were used both ways (RFC 4787, REQ-5: two minutes).
pub const MESSAGING_PING: Duration = Duration::from_secs(45);
/// Something was sent over a messaging link and nothing came back for this long: the other end is asked, and after as long
/// again other links are preferred.
pub const MESSAGING_LATE: Duration = Duration::from_secs(2);
/// A messaging link over which something was sent and nothing came back for this long is lost.
pub const MESSAGING_SILENCE: Duration = Duration::from_secs(15);
/// Callers of a control service through messaging that hold connections at once. Those who ask nothing lose theirs after
/// [`MESSAGING_IDLE`].
pub const SERVICE_CALLERS: usize = 4_096;
/// Requests, change streams included, that a control service has under way through messaging: as many as over TCP.
pub const SERVICE_STREAMS: usize = HTTP_CONNECTIONS;
/// Of these, on one connection of one caller; further ones wait. A node has two or three under way.
pub const SERVICE_STREAMS_PER_CONNECTION: u32 = 16;
/// Bytes that one connection of a caller may have unread at a control service: two of the largest bodies.
pub const SERVICE_WINDOW: u32 = 2 * 1024 * 1024;
/// A control service from whose connection no packet at all came for this long after a request was sent has probably
/// restarted, and is connected to anew.
pub const SERVICE_SILENCE: Duration = Duration::from_secs(3);
/// Connections by public key that nobody used for this long are closed.
pub const MESSAGING_IDLE: Duration = Duration::from_secs(60);
/// How long a contact record is valid.
pub const RECORD_TTL: Duration = Duration::from_secs(120);
/// How often a contact record is renewed.
pub const RECORD_RENEW: Duration = Duration::from_secs(40);
/// Servers or addresses named in one contact record.
pub const RECORD_ENTRIES: usize = 8;
/// Keys in one batch look-up.
pub const RECORD_BATCH: usize = 256;

// ---- NAT traversal ----

/// Attempts to find a direct way that one node makes at once, and those of peers that it takes part in at once: a few dozen
/// small packets a second each.
pub const TRAVERSALS_AT_ONCE: usize = 16;
/// Time for one attempt, from the offer to the last check. Longer than a survey and the checks together.
pub const TRAVERSAL_TIMEOUT: Duration = Duration::from_secs(20);

// ---- Setup ----

/// Hops of a path. A longer path is refused everywhere.
pub const HOPS_MAX: usize = 16;
/// Bytes of one setup message.
pub const SETUP_MESSAGE_MAX: usize = 16 * 1024;
/// Time for one call of a setup node to one node.
pub const SETUP_STEP_TIMEOUT: Duration = Duration::from_secs(3);
/// Time for the whole of a route request, as its source waits.
pub const SETUP_TIMEOUT: Duration = Duration::from_secs(10);
/// Rules vanish after this if no packet of their route came by then; the undo of a setup node that died. Longer than the
/// source waits, and by more than its first packet takes to the end of the route.
pub const ROUTE_LEASE: Duration = Duration::from_secs(12);
/// A setup node that has not answered for this long gets company: the source asks the next one as well. Several times
/// what a route through distant nodes takes.
pub const SETUP_PATIENCE: Duration = Duration::from_secs(1);
/// A route request is valid for this long after it was signed.
pub const ROUTE_REQUEST_TTL: Duration = Duration::from_secs(30);
/// Route requests that one initiator may have under way at one setup node.
pub const SETUPS_PER_INITIATOR: usize = 32;
/// Route requests under way at one setup node.
pub const SETUPS_AT_ONCE: usize = 1_024;
/// Connections of sources that one setup node serves at once. Those of sources that are done close by themselves after
/// [`MESSAGING_IDLE`].
pub const SETUP_SOURCES: usize = 8_192;
/// Connections of one source at one setup node: the one in use, and such as have not timed out since it restarted.
pub const SETUP_CONNECTIONS_PER_SOURCE: usize = 4;
/// Calls to nodes that one setup node has under way for its list: far fewer than for route requests, which go first.
pub const SETUP_INSPECTIONS_AT_ONCE: usize = 16;
/// Routes in one question of a setup node which of them a node still has.
pub const SETUP_INSPECT_ROUTES: usize = 255;
/// How often a setup node asks whether routes of its list are still there. Within [`MESSAGING_IDLE`], so that connections
/// to the sources of its routes stay warm.
pub const SETUP_AUDIT_INTERVAL: Duration = Duration::from_secs(15);
/// Routes that are asked about in one round; further ones have their turn in the next. A full list is through in eight
/// minutes.
pub const SETUP_AUDIT_ROUTES: usize = 2_048;
/// Routes that a setup node remembers for its administrators; the oldest are forgotten first, which removes no rules.
pub const SETUP_ROUTES_KNOWN: usize = 65_536;

// ---- HTTP and registries ----

/// Bytes of an HTTP request body.
pub const HTTP_BODY_MAX: usize = 1024 * 1024;
/// Bytes of an HTTP reply that a client reads.
pub const HTTP_REPLY_MAX: usize = 64 * 1024 * 1024;
/// Time for one HTTP request, streams excepted.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that an HTTP server holds; the rest wait in the kernel's backlog. Below the usual limit of descriptors.
pub const HTTP_CONNECTIONS: usize = 8_192;
/// Of these, from one IPv4 address or IPv6 /64, so that one address cannot take them all. A proxy in front has its own.
pub const HTTP_CONNECTIONS_PER_ADDRESS: usize = 2_048;
/// Change streams that an HTTP server holds open.
pub const HTTP_STREAMS: usize = 1_024;
/// Requests per second that one key, or one network without a key, may make at one service on average: 10 000 times what a
/// node needs, and a tenth of what one core answers.
pub const HTTP_RATE: u32 = 1_000;
/// Requests at once beyond that: a node that starts anew registers all of its transports and looks for as many paths.
pub const HTTP_BURST: u32 = 2 * TRANSPORTS_PER_NODE as u32;
/// Callers whose requests of the last moments are remembered at one service.
pub const HTTP_CALLERS: usize = 65_536;
/// Time for the header of an HTTP request, and for the next request on an idle connection.
pub const HTTP_HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an HTTP request's header.
pub const HTTP_HEADER_MAX: usize = 16 * 1024;
/// Fields of an HTTP request's header.
pub const HTTP_HEADER_FIELDS: usize = 64;
/// Bytes of one event of a change stream, and of one line of a reply in lines.
pub const HTTP_EVENT_MAX: usize = 1024 * 1024;
/// Longest validity of a signed request.
pub const SIGNATURE_TTL: Duration = Duration::from_secs(60);
/// Clock difference that signatures and records tolerate.
pub const CLOCK_SKEW: Duration = Duration::from_secs(300);
/// Nonces remembered per key within the validity of a signature.
pub const NONCES_PER_KEY: usize = 4_096;
/// Nonces remembered in all.
pub const NONCES: usize = 1_048_576;
/// How often a node reports its transports.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);
/// A transport edge that was not renewed for this long counts as down.
pub const LEASE: Duration = Duration::from_secs(35);
/// A transport that was down for this long is removed.
pub const TRANSPORT_RETENTION: Duration = Duration::from_secs(600);
/// Transports in one heartbeat.
pub const HEARTBEAT_TRANSPORTS: usize = TRANSPORTS_PER_NODE;
/// Items on one page of a listing, unless asked for fewer.
pub const PAGE: usize = 100;
/// Most items on one page.
pub const PAGE_MAX: usize = 1_000;
/// Nodes or transports in one part of a snapshot: some 200 KiB, of which either end holds one.
pub const SNAPSHOT_PART: usize = 256;
/// Events kept for readers that resume a change stream.
pub const EVENTS_KEPT: u64 = 1_000_000;
/// Time for one statement of a registry's database; half of [`HTTP_TIMEOUT`], so that the caller hears the reason.
pub const STORE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a registry waits at its start for a database that does not answer before it gives up. Longer than a database
/// takes to start, and to recover from its own crash.
pub const STORE_PATIENCE: Duration = Duration::from_secs(600);
/// Time for one statement of a migration, and for another replica's whole migration: copying and indexing tables of many
/// millions of rows takes minutes.
pub const STORE_MIGRATION: Duration = Duration::from_secs(3600);
/// Connections that one service keeps to its registry's database.
pub const STORE_CONNECTIONS: u32 = 8;
/// Registrations and heartbeats that wait for a registry's writer; further ones wait at their callers. Also what one
/// statement takes at most: large enough to amortise a commit, and done in a fraction of [`STORE_TIMEOUT`].
pub const STORE_BATCH: usize = 1_024;
/// Rows that one transaction of a registry changes, or looks at in order to, but for one message that alone has more.
pub const STORE_ROWS: usize = 8_192;
/// What nodes said of their transports that one registry keeps in memory, to tell a heartbeat without news from others: as
/// many as come in a lease when 100 000 nodes hold ten transports each. 48 bytes each.
pub const STORE_CLAIMS: usize = 1_048_576;
/// How often a registry looks for leases and records whose time is over; how much later than due they may vanish.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// A reader of the change log looks again after this without a notification; what a lost notification costs at most.
pub const CHANGES_POLL: Duration = Duration::from_secs(10);
/// How long a deleted transport's older entries are refused. Both edges would have to bring them back later.
pub const TOMBSTONE_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);
/// Silence after which a change stream sends a comment, so that both ends see it alive.
pub const STREAM_KEEPALIVE: Duration = Duration::from_secs(10);

// ---- Path search ----

/// Paths in one answer.
pub const PATHS_MAX: usize = 16;
/// Pairs in one batch query.
pub const PATH_QUERIES_MAX: usize = 64;
/// Vertices that one query may visit.
pub const SEARCH_VISITS_MAX: usize = 2_000_000;
/// Nodes in one mirror of the transport graph: twice the million that the network is laid out for.
pub const GRAPH_NODES: usize = 2_097_152;
/// Transports in one mirror of the transport graph; about 100 bytes each.
pub const GRAPH_TRANSPORTS: usize = 8_388_608;
/// Names of transport types in one mirror at once. A network uses a handful; names are free text of its members.
pub const GRAPH_TYPES: usize = 4_096;
/// A finder whose mirror is older than this calls itself degraded. It goes on answering: it is all that nodes have left.
pub const MIRROR_AGE_MAX: Duration = Duration::from_secs(60);
/// Changes that a mirror takes over at once; amortises a thread hop over them, and is done before anybody waits.
pub const MIRROR_BATCH: usize = 1_024;
/// Searches that one finder runs at once, unless told otherwise.
pub const SEARCH_WORKERS: usize = 2;
/// Most searches that one finder can be told to run at once. Each needs 8 bytes of memory per node of the graph,
/// and 48 more once it met a query that only the rarer searches answer.
pub const SEARCH_WORKERS_MAX: usize = 256;
/// Searches that wait at one finder for a worker; at a few milliseconds each, they have their turn within a second.
pub const SEARCHES_WAITING: usize = 256;

// ---- Sessions and apps ----

/// Time for a dial, route and session included.
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(15);
/// Traces of routes that one node makes at once.
pub const TRACES_AT_ONCE: usize = 64;
/// Answers that one trace asks each node for, at most.
pub const TRACE_COUNT_MAX: u32 = 20;
/// Pause between two rounds of questions of one trace: a few packets each, so that it disturbs nobody.
pub const TRACE_PACE: Duration = Duration::from_millis(100);
/// A trace waits for answers this long after its last question; longer than the slowest path that is of any use.
pub const TRACE_WAIT: Duration = Duration::from_secs(3);
/// Listeners of one node.
pub const LISTENERS: usize = 1_024;
/// Accepted streams that wait for the app of one listener.
pub const ACCEPT_BACKLOG: usize = 256;
/// Route groups of one node.
pub const ROUTE_GROUPS: usize = 16_384;
/// Streams open at once in one session, each direction.
pub const SESSION_STREAMS: u32 = 1_024;
/// Streams that a new session allows; doubled while half of them are open, up to [`SESSION_STREAMS`]. Each allowed stream
/// takes 80 bytes, open or not.
pub const SESSION_STREAMS_FIRST: u32 = 16;
/// Flow-control window of one session stream, bytes.
pub const SESSION_STREAM_WINDOW: u32 = 4 * 1024 * 1024;
/// Flow-control window of one session, bytes.
pub const SESSION_WINDOW: u32 = 16 * 1024 * 1024;
/// Clients that a proxy, a forwarded or an exposed port serves at once; the rest wait in the kernel's backlog. As many
/// as one session has streams.
pub const LOCAL_CLIENTS: usize = SESSION_STREAMS as usize;
/// Channels for datagrams open at once in one session. What waits in all of them is no more than in its streams.
pub const SESSION_CHANNELS: usize = 128;
/// Bytes of datagrams that wait in one channel, in either direction; beyond it the oldest are dropped. 10 ms at
/// 100 Mbit/s: who does not read in time wants the newest.
pub const CHANNEL_BUFFER: usize = 128 * 1024;
/// Clients that a forwarded, or peers that an exposed UDP port serves at once; the one that was silent for longest makes
/// room. As many as one session has channels.
pub const UDP_PEERS: usize = SESSION_CHANNELS;
/// A UDP client that neither sent nor got anything for this long is forgotten (RFC 4787, REQ-5: not within two minutes).
pub const UDP_IDLE: Duration = Duration::from_secs(120);
/// Datagrams of a UDP client that wait until its channel is dialled, or sent.
pub const UDP_WAITING: usize = 64;
/// A session without any packet from the other end for this long is lost. Longer than a whole repair of its routes.
pub const SESSION_IDLE: Duration = Duration::from_secs(60);

// ---- Operation ----

/// Bytes of a configuration file. The longest sample is a hundredth of it.
pub const CONFIG_FILE_MAX: u64 = 1024 * 1024;
/// Bytes of a file that holds one secret.
pub const SECRET_FILE_MAX: u64 = 64 * 1024;
/// Events that an audit log keeps for its readers, of those done, and as many of those refused: a page of the listing
/// every minute misses none at 60 a second, in less than 2 MB.
pub const AUDIT_KEPT: usize = 4_096;
/// Connections open at once at an admin listener: probes, scrapes and a person or two.
pub const ADMIN_CONNECTIONS: usize = 64;
/// Time that a service has for finishing what is under way once it is asked to stop. Below the 30 s after which
/// container engines are told to kill.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

const _: () = {
    assert!(SESSION_MTU <= PACKET_PAYLOAD_MAX && MESSAGING_MTU <= MESSAGING_PAYLOAD_MAX);
    assert!(PACKET_PAYLOAD_MAX + PACKET_HEADER <= 1 << 14);
    assert!(TRANSPORT_READ_CHUNK >= 2 * (PACKET_PAYLOAD_MAX + PACKET_HEADER));
    assert!(CREDIT_WINDOW >= 4 * PACKET_PAYLOAD_MAX && CREDIT_WINDOW_MAX >= CREDIT_WINDOW);
    assert!(CREDIT_WINDOW_MIN >= 2 * (PACKET_PAYLOAD_MAX + 64) && CREDIT_WINDOW_MIN <= CREDIT_WINDOW);
    assert!(FORWARDER_MEMORY >= 4 * CREDIT_WINDOW_MAX);
    assert!(LINK_STREAM_WINDOW as usize >= CREDIT_WINDOW_MAX && LINK_REORDER >= LINK_STREAM_WINDOW);
    assert!(HANDSHAKES_AT_ONCE > HANDSHAKES_UNVALIDATED);
    assert!(FAIR_QUANTUM >= PACKET_PAYLOAD_MAX + PACKET_HEADER);
    assert!(TRANSPORT_SILENCE.as_secs() >= 2 * TRANSPORT_PING_INTERVAL.as_secs());
    assert!(MESSAGING_SILENCE.as_secs() >= 4 * MESSAGING_LATE.as_secs());
    assert!(MESSAGING_PING.as_secs() >= 2 * MESSAGING_SILENCE.as_secs());
    assert!(ROUTE_IDLE.as_secs() > 4 * ROUTE_PROBE_IDLE.as_secs());
    assert!(ROUTE_PROBE_ALERT.as_millis() * (ROUTE_PROBES_LOST as u128 + 1) < ROUTE_SILENCE.as_millis());
    assert!(ROUTE_STRIPE_SKEW * 4 <= SESSION_STREAM_WINDOW as u64 && ROUTE_STRIPES as usize <= PATHS_MAX);
    assert!(LEASE.as_secs() >= 3 * HEARTBEAT_INTERVAL.as_secs());
    assert!(RECORD_TTL.as_secs() >= 3 * RECORD_RENEW.as_secs());
    assert!(ROUTE_LEASE.as_secs() > SETUP_TIMEOUT.as_secs());
    assert!(SETUP_TIMEOUT.as_secs() >= 2 * SETUP_STEP_TIMEOUT.as_secs());
    assert!(SETUP_PATIENCE.as_secs() < SETUP_STEP_TIMEOUT.as_secs() && SETUP_INSPECT_ROUTES <= 255);
    assert!(SETUP_AUDIT_INTERVAL.as_secs() < MESSAGING_IDLE.as_secs());
    assert!(DIAL_TIMEOUT.as_secs() > SETUP_TIMEOUT.as_secs());
    assert!(SESSION_WINDOW >= SESSION_STREAM_WINDOW);
    assert!(
        SERVICE_WINDOW as usize >= 2 * HTTP_BODY_MAX && SERVICE_STREAMS_PER_CONNECTION <= SESSION_STREAMS
    );
    assert!(SESSION_STREAMS_FIRST >= 2 && SESSION_STREAMS_FIRST <= SESSION_STREAMS);
    assert!(
        SESSION_CHANNELS * CHANNEL_BUFFER <= SESSION_WINDOW as usize && CHANNEL_BUFFER >= 4 * SESSION_MTU
    );
    assert!(RULES_PER_NODE >= RULES_PER_SETUP_NODE);
    assert!(2 * ROUTES_PER_PEER <= RULES_PER_NODE && ROUTES_PER_INITIATOR <= ROUTES_PER_PEER);
    assert!(ROUTES_PER_INITIATOR >= ROUTE_GROUPS);
    assert!(
        MESSAGING_LINKS >= 2 * MESSAGING_LINKS_DIALLED && MESSAGING_LINKS_DIALLED > MESSAGING_LINKS_WANTED
    );
    assert!(MESSAGING_LINK_WAITING >= 16 * MESSAGING_PAYLOAD_MAX);
    assert!(SNAPSHOT_PART * 2_048 <= HTTP_EVENT_MAX);
    assert!(HTTP_CONNECTIONS >= 2 * HTTP_CONNECTIONS_PER_ADDRESS && HTTP_CONNECTIONS > HTTP_STREAMS);
};
