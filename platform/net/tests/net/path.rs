//! Data over a virtual path: back-pressure, loss, and connections that share a path.

use std::sync::Arc;

use byway_net::quic::QuicProfile;
use quinn::{Connection, Endpoint};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use crate::{
    PATIENCE,
    memory::Network,
    quic::{ALPN, address, endpoint, meet},
};

const MIB: usize = 1024 * 1024;

/// Two connected nodes; the endpoints keep the connections going.
struct Pair {
    network: Arc<Network>,
    dialler: Endpoint,
    acceptor: Endpoint,
    profile: QuicProfile,
}

impl Pair {
    fn new(network: Arc<Network>, profile: QuicProfile) -> Self {
        let dialler = endpoint(&network, 1, &[], &profile);
        let acceptor = endpoint(&network, 2, &[ALPN], &profile);
        Self { network, dialler, acceptor, profile }
    }

    async fn connection(&self) -> (Connection, Connection) {
        let (dialled, accepted) = meet(&self.dialler, &self.acceptor, 2, ALPN, &self.profile).await;
        (dialled.unwrap(), accepted.unwrap().connection)
    }
}

/// Bytes that differ everywhere, so that anything lost, repeated or moved shows.
fn fill(chunk: &mut [u8], state: &mut u64) {
    for word in chunk.chunks_mut(8) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        word.copy_from_slice(&state.to_le_bytes()[..word.len()]);
    }
}

/// Sends `bytes` over one stream and compares the hashes of what was sent and what arrived.
async fn transfer((from, to): (Connection, Connection), bytes: usize) {
    let send = tokio::spawn(async move {
        let (mut stream, mut hash, mut state) = (from.open_uni().await.unwrap(), Sha256::new(), 1);
        let mut chunk = vec![0; 100_003];
        let mut left = bytes;
        while left > 0 {
            let part = chunk.len().min(left);
            fill(&mut chunk, &mut state);
            hash.update(&chunk[..part]);
            stream.write_all(&chunk[..part]).await.unwrap();
            left -= part;
        }
        stream.finish().unwrap();
        stream.stopped().await.unwrap();
        hash.finalize()
    });
    let mut stream = to.accept_uni().await.unwrap();
    let (mut hash, mut received) = (Sha256::new(), 0);
    while let Some(chunk) = stream.read_chunk(MIB, true).await.unwrap() {
        hash.update(&chunk.bytes);
        received += chunk.bytes.len();
    }
    assert_eq!(received, bytes);
    assert_eq!(hash.finalize(), send.await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_mebibytes_cross_a_narrow_path_unharmed_and_none_is_lost() {
    let pair = Pair::new(Network::new(64, None), QuicProfile::session());
    let connection = pair.connection().await;
    timeout(PATIENCE, transfer(connection.clone(), 64 * MIB)).await.unwrap();
    let stats = connection.0.stats().path;
    assert_eq!((stats.lost_packets, stats.current_mtu), (0, pair.profile.mtu));
    assert!(pair.network.waits(address(1)) > 0, "the path was never full, so that this test shows nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_repairs_a_path_that_drops_every_fiftieth_packet() {
    let pair = Pair::new(Network::new(256, Some(50)), QuicProfile::session());
    let connection = pair.connection().await;
    timeout(PATIENCE, transfer(connection.clone(), 16 * MIB)).await.unwrap();
    let stats = connection.0.stats().path;
    assert!(stats.lost_packets > 0);
    assert_eq!((stats.current_mtu, stats.black_holes_detected), (pair.profile.mtu, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_messaging_connection_repairs_a_path_that_drops_every_fiftieth_packet() {
    let pair = Pair::new(Network::new(256, Some(50)), QuicProfile::messaging());
    let connection = pair.connection().await;
    timeout(PATIENCE, transfer(connection.clone(), 16 * MIB)).await.unwrap();
    assert!(connection.0.stats().path.lost_packets > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_bursts_of_loss_as_of_broken_routes_are_repaired_and_shrink_no_packet() {
    let pair = Pair::new(Network::new(64, None), QuicProfile::session());
    let connection = pair.connection().await;
    for _route in 0..4 {
        pair.network.lose_next(100);
        timeout(PATIENCE, transfer(connection.clone(), 4 * MIB)).await.unwrap();
        assert_eq!(pair.network.doomed(), 0);
    }
    let stats = connection.0.stats().path;
    assert!(stats.lost_packets > 0);
    assert_eq!((stats.current_mtu, stats.black_holes_detected), (pair.profile.mtu, 0));
}

#[tokio::test]
async fn connections_that_share_a_blocked_path_all_go_on_once_it_is_writable() {
    let pair = Pair::new(Network::new(8, None), QuicProfile::session());
    let connections = [pair.connection().await, pair.connection().await, pair.connection().await];
    pair.network.block(address(1), true);
    // quinn counts a packet as sent when it is made, so that one more than before is one that waits for the path.
    let made = || connections.each_ref().map(|(dialled, _)| dialled.stats().udp_tx.datagrams);
    let before = made();
    let transfers: Vec<_> =
        connections.iter().map(|both| tokio::spawn(transfer(both.clone(), 4 * MIB))).collect();
    let all_wait = async {
        while made().into_iter().zip(before).any(|(now, before)| now <= before) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, all_wait).await.unwrap();
    pair.network.block(address(1), false);
    for transfer in transfers {
        timeout(PATIENCE, transfer).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn datagrams_of_nearly_the_mtu_arrive_whole() {
    let pair = Pair::new(Network::new(64, None), QuicProfile::session());
    let (from, to) = pair.connection().await;
    let datagram = vec![7; from.max_datagram_size().unwrap()];
    from.send_datagram(datagram.clone().into()).unwrap();
    assert_eq!(timeout(PATIENCE, to.read_datagram()).await.unwrap().unwrap(), datagram);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_nobody_reads_does_not_stop_another() {
    let pair = Pair::new(Network::new(64, None), QuicProfile::session());
    let (from, to) = pair.connection().await;
    let mut unread = from.open_uni().await.unwrap();
    let stuck = tokio::spawn(async move { while unread.write_all(&[1; 65_536]).await.is_ok() {} });
    let _unread = to.accept_uni().await.unwrap();
    timeout(PATIENCE, transfer((from, to), 8 * MIB)).await.unwrap();
    stuck.abort();
}
