//! Servers that die or drain while streams run.

use byway_messaging_client::ALPN_TRANSPORT;

use crate::support::{Server, Start, client, key, spawn_hasher, transfer, wait_until, wait_until_delegated};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_survives_the_death_of_each_of_its_two_servers() {
    let (first, second) = (Server::start(1).await, Server::start(2).await);
    let (a, b) = (client(10, &[&first, &second]), client(11, &[&first, &second]));
    spawn_hasher(b.accept(ALPN_TRANSPORT).unwrap());
    wait_until_delegated(&a, &[&first, &second]).await;
    wait_until_delegated(&b, &[&first, &second]).await;
    let connection = a.connect(key(11), ALPN_TRANSPORT).await.unwrap();
    let (mut first, mut second) = (Some(first), Some(second));
    transfer(&connection, 64, async |n| match n {
        16 => {
            // It comes back, so that the other one can die later: whichever was in use, the stream had to move.
            let listen = first.take().unwrap().kill().await;
            first = Some(Server::start_with(1, Start { listen, ..Default::default() }).await);
        }
        40 => {
            for client in [&a, &b] {
                let both = [first.as_ref().unwrap(), second.as_ref().unwrap()];
                wait_until_delegated(client, &both).await;
            }
            second.take().unwrap().kill().await;
        }
        _ => {}
    })
    .await;
    assert!(connection.close_reason().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_moves_clients_and_their_streams_to_another_server() {
    let servers = [Server::start(1).await, Server::start(2).await];
    let all: Vec<_> = servers.iter().collect();
    let (a, b) = (client(10, &all), client(11, &all));
    spawn_hasher(b.accept(ALPN_TRANSPORT).unwrap());
    for client in [&a, &b] {
        wait_until_delegated(client, &all).await;
    }
    let connection = a.connect(key(11), ALPN_TRANSPORT).await.unwrap();
    let [drains, stays] = servers;
    drains.shutdown.begin();
    // The server ends well before its deadline because its clients left.
    drains.task.await.unwrap().unwrap();
    for client in [&a, &b] {
        let status = wait_until(client, |status| status.delegated == [stays.at.key]).await;
        assert!(status.connected);
    }
    transfer(&connection, 4, async |_| {}).await;
}
