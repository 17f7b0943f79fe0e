//! A server that drains while its clients are busy.

use byway_messaging_client::ALPN_TRANSPORT;

use crate::support::{Raw, Server, client, key, spawn_hasher, transfer, wait_until, wait_until_delegated};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_goes_on_byte_by_byte_while_each_of_its_servers_drains() {
    let (first, second, third) = (Server::start(1).await, Server::start(2).await, Server::start(3).await);
    let all = [&first, &second, &third];
    let (a, b) = (client(10, &all), client(11, &all));
    spawn_hasher(b.accept(ALPN_TRANSPORT).unwrap());
    // With two homes each of three, they share one.
    for client in [&a, &b] {
        wait_until(client, |status| status.delegated.len() == 2).await;
    }
    let connection = a.connect(key(11), ALPN_TRANSPORT).await.unwrap();
    let mut drained = vec![first, second];
    transfer(&connection, 48, async |n| {
        if n == 12 || n == 28 {
            let server = drained.pop().unwrap();
            server.shutdown.begin();
            // It ends before its deadline: its clients left, and the bytes go another way.
            server.task.await.unwrap().unwrap();
        }
    })
    .await;
    assert!(connection.close_reason().is_none());
    for client in [&a, &b] {
        wait_until_delegated(client, &[&third]).await;
    }
}

#[tokio::test]
async fn clients_over_quic_are_told_and_waited_for_as_well() {
    use byway_wire::messaging::Frame;
    let server = Server::start(1).await;
    let mut client = Raw::connect_quic(10, &server).await;
    server.shutdown.begin();
    assert_eq!(client.receive().await, Some(Frame::Draining));
    // It is still served.
    client.send(&Frame::Ping(9)).await;
    assert_eq!(client.receive().await, Some(Frame::Pong(9)));
    drop(client);
    server.task.await.unwrap().unwrap();
}
