//! Datagrams over the five nodes of the demonstration, three hops away.

use std::time::Duration;

use bytes::Bytes;
use byway_base::{Code, DatagramError, OverlayAddress, Port};
use byway_cli::demo::network::Network;
use byway_node::{Datagrams, NodeEvent, PathChoice};
use tempfile::tempdir;
use tokio::time::timeout;

/// Time for the network to come up.
const START: Duration = Duration::from_secs(30);
/// More than anything here takes, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The app's port.
const PORT: Port = Port(53);
/// Pause before a datagram that may be lost is sent again.
const AGAIN: Duration = Duration::from_millis(50);

/// Sends until this very datagram has come back: others may be lost, or late.
async fn assert_echoes(channel: &Datagrams, datagram: Bytes) {
    let exchange = async {
        loop {
            channel.send(datagram.clone()).unwrap();
            while let Ok(back) = timeout(AGAIN, channel.recv()).await {
                if back.expect("the channel lives") == datagram {
                    return;
                }
            }
        }
    };
    timeout(PATIENCE, exchange).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_over_three_hops_carries_jumbo_datagrams_and_outlives_a_hop() {
    let directory = tempdir().unwrap();
    let mut network = Box::pin(Network::start(directory.path(), START, &|_| ())).await.unwrap();
    let (alice, bob) = (network.node("alice").unwrap().clone(), network.node("bob").unwrap().clone());
    let to = OverlayAddress { key: bob.key(), port: PORT };
    let nobody = alice.dial_datagrams(to, PathChoice::default()).await.unwrap_err();
    assert_eq!(nobody.code, Code::NoListener, "{nobody}");

    let mut listener = bob.listen_datagrams(PORT).unwrap();
    assert_eq!(bob.listen_datagrams(PORT).map(|_| ()).unwrap_err().code, Code::Conflict);
    assert_eq!(bob.listening_datagrams(), [PORT]);
    tokio::spawn(async move {
        while let Some(incoming) = listener.accept().await {
            tokio::spawn(async move {
                while let Some(datagram) = incoming.datagrams.recv().await {
                    let _closed_or_shrunk = incoming.datagrams.send(datagram);
                }
            });
        }
    });
    let mut events = alice.events();
    let (channel, routes) = alice.dial_datagrams(to, network.first_path()).await.unwrap();
    assert_eq!(routes[0].hops.len(), 3);
    assert_echoes(&channel, Bytes::from_static(b"over three hops")).await;
    let grown = async {
        while channel.max_size() < 15_000 {
            assert_echoes(&channel, Bytes::from_static(b"larger")).await;
        }
    };
    timeout(PATIENCE, grown).await.unwrap();
    let max = channel.max_size();
    assert_eq!(channel.send(vec![0; max + 1].into()), Err(DatagramError::TooLarge { max }));
    // The other end finds out for itself what its way back carries.
    assert_echoes(&channel, vec![7; 15_000].into()).await;

    // The port takes datagrams and no streams; both would go over the same session.
    let stream = alice.dial(to, network.first_path()).await.unwrap_err();
    assert_eq!(stream.code, Code::NoListener, "{stream}");
    let another = alice.dial_datagrams(to, network.first_path()).await.unwrap().0;
    assert_echoes(&another, Bytes::from_static(b"another")).await;
    let sessions = || alice.sessions().into_iter().filter(|session| session.to == to).collect::<Vec<_>>();
    assert_eq!(sessions().iter().map(|session| session.streams).collect::<Vec<_>>(), [2]);

    let spare = async {
        while sessions()[0].routes.len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, spare).await.unwrap();
    network.kill("n1");
    let switched = async {
        while !matches!(events.recv().await.unwrap(), NodeEvent::RouteSwitched { reason: Some(_), .. }) {}
    };
    timeout(PATIENCE, switched).await.unwrap();
    assert_echoes(&channel, Bytes::from_static(b"over the spare")).await;
    assert_echoes(&another, Bytes::from_static(b"over the spare too")).await;
    network.stop().await;
}
