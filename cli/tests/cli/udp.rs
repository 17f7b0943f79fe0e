//! `connect --udp` and `expose --udp` without a network: sockets are real, the overlay is memory.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use byway_api::local::RouteView;
use byway_base::{Code, DatagramError, OverlayAddress, Port, Problem, SecretKey, limits::UDP_PEERS};
use byway_cli::{
    choice::Choice,
    dial::{Accept, DatagramChannel, DialDatagrams},
    target::Target,
    udp,
};
use tokio::{
    net::UdpSocket,
    sync::{Mutex, mpsc, watch},
    time::timeout,
};

/// More than anything here takes, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes that the overlay of memory carries.
const MAX: usize = 1_200;

/// One end of a channel.
struct End {
    to_peer: mpsc::UnboundedSender<Bytes>,
    from_peer: Mutex<mpsc::UnboundedReceiver<Bytes>>,
}

fn channel() -> (End, End) {
    let (there, here) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let end = |to_peer, from_peer| End { to_peer, from_peer: Mutex::new(from_peer) };
    (end(there.0, here.1), end(here.0, there.1))
}

impl DatagramChannel for End {
    async fn send(&self, datagram: &[u8]) -> Result<(), DatagramError> {
        if datagram.len() > MAX {
            return Err(DatagramError::TooLarge { max: MAX });
        }
        self.to_peer.send(Bytes::copy_from_slice(datagram)).map_err(|_| DatagramError::Closed)
    }

    async fn recv(&self) -> Option<Bytes> {
        self.from_peer.lock().await.recv().await
    }

    fn max_size(&self) -> usize {
        MAX
    }
}

/// Channels lead to apps that send back what they get. Counts those that are open.
#[derive(Clone, Default)]
struct Echo {
    open: Arc<watch::Sender<usize>>,
}

impl DialDatagrams for Echo {
    type Channel = End;

    async fn dial_datagrams(&self, to: &Target, _: &Choice) -> Result<(End, Vec<RouteView>), Problem> {
        if let Ok(code) = to.peer.parse::<Code>() {
            return Err(Problem::new(code, format!("cannot dial {to}"), "the test wants it so"));
        }
        let (ours, theirs) = channel();
        let open = self.open.clone();
        open.send_modify(|open| *open += 1);
        tokio::spawn(async move {
            while let Some(datagram) = theirs.recv().await {
                let _closed = theirs.send(&datagram).await;
            }
            open.send_modify(|open| *open -= 1);
        });
        Ok((ours, Vec::new()))
    }
}

/// A port whose channels come from a test.
struct Incoming(mpsc::Receiver<End>);

impl Accept for Incoming {
    type Channel = End;

    async fn accept(&mut self) -> Result<(OverlayAddress, End), Problem> {
        let from = OverlayAddress { key: SecretKey::from_seed([9; 32]).public(), port: Port(50_000) };
        let gone = || Problem::new(Code::NodeUnreachable, "cannot accept", "the test has ended");
        self.0.recv().await.map(|channel| (from, channel)).ok_or_else(gone)
    }
}

fn any() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

async fn forward(peer: &str) -> (SocketAddr, Echo) {
    let (target, echo) = (Target { peer: peer.to_owned(), port: Port(53) }, Echo::default());
    let forward = udp::Forward::bind(any(), echo.clone(), target, Choice::Any).await.unwrap();
    let address = forward.address();
    tokio::spawn(async move { forward.serve().await });
    (address, echo)
}

async fn client(of: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(any()).await.unwrap();
    socket.connect(of).await.unwrap();
    socket
}

async fn assert_echoes(socket: &UdpSocket, datagram: &[u8]) {
    let mut back = vec![0; 65_536];
    socket.send(datagram).await.unwrap();
    let length = timeout(PATIENCE, socket.recv(&mut back)).await.unwrap().unwrap();
    assert_eq!(back[..length], *datagram);
}

#[tokio::test]
async fn each_client_of_a_forwarded_port_gets_its_own_answers() {
    let (local, echo) = forward("echo").await;
    let (one, other) = (client(local).await, client(local).await);
    for round in 0..3u8 {
        assert_echoes(&one, &[1, round]).await;
        assert_echoes(&other, &[2, round]).await;
    }
    assert_echoes(&one, b"").await;
    assert_eq!(*echo.open.borrow(), 2);
}

#[tokio::test]
async fn what_the_path_cannot_carry_is_dropped_and_what_it_can_goes_on() {
    let (local, _) = forward("echo").await;
    let client = client(local).await;
    assert_echoes(&client, &[7; MAX]).await;
    client.send(&[8; MAX + 1]).await.unwrap();
    assert_echoes(&client, &[9; MAX]).await;
}

#[tokio::test]
async fn one_client_too_many_takes_the_place_of_the_one_that_was_silent_for_longest() {
    let (local, echo) = forward("echo").await;
    let mut clients = Vec::new();
    for _ in 0..UDP_PEERS {
        let client = client(local).await;
        assert_echoes(&client, b"first").await;
        clients.push(client);
    }
    // Not the first to come is the one to go, but the second, which has been silent since.
    assert_echoes(&clients[0], b"again").await;
    let late = client(local).await;
    assert_echoes(&late, b"late").await;
    let mut open = echo.open.subscribe();
    timeout(PATIENCE, open.wait_for(|open| *open == UDP_PEERS)).await.unwrap().unwrap();
    assert_echoes(&clients[0], b"still").await;
    assert_eq!(*echo.open.borrow(), UDP_PEERS);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_silent_for_long_is_forgotten_and_may_come_again() {
    let (local, echo) = forward("echo").await;
    let client = client(local).await;
    assert_echoes(&client, b"once").await;
    let mut open = echo.open.subscribe();
    // The clock of the test leaps to whatever is waited for next.
    open.wait_for(|open| *open == 0).await.unwrap();
    assert_echoes(&client, b"again").await;
    assert_eq!(*echo.open.borrow(), 1);
}

#[tokio::test]
async fn a_channel_that_cannot_be_dialled_leaves_the_port_open() {
    let (local, _) = forward("bw-no-path").await;
    let taken = udp::Forward::bind(
        local,
        Echo::default(),
        Target { peer: "echo".to_owned(), port: Port(53) },
        Choice::Any,
    )
    .await
    .map(|_| ())
    .unwrap_err();
    assert_eq!(taken.code, Code::Bind);
    assert!(taken.what.contains(&local.to_string()), "{taken}");
    let client = client(local).await;
    for _ in 0..3 {
        client.send(b"nobody").await.unwrap();
    }
}

/// A local app that sends back what it gets; says from how many addresses.
async fn local_echo() -> (SocketAddr, watch::Receiver<usize>) {
    let socket = UdpSocket::bind(any()).await.unwrap();
    let address = socket.local_addr().unwrap();
    let (count, counted) = watch::channel(0);
    tokio::spawn(async move {
        let (mut clients, mut buffer) = (std::collections::BTreeSet::new(), vec![0; 65_536]);
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            clients.insert(from);
            count.send_replace(clients.len());
            socket.send_to(&buffer[..length], from).await.unwrap();
        }
    });
    (address, counted)
}

#[tokio::test]
async fn each_channel_of_an_exposed_port_has_a_socket_of_its_own_until_there_are_no_more() {
    let (app, clients) = local_echo().await;
    let (peers, incoming) = mpsc::channel(1);
    let serving = tokio::spawn(udp::serve(Incoming(incoming), app));
    let mut channels = Vec::new();
    for count in 1..=3u8 {
        let (ours, theirs) = channel();
        peers.send(theirs).await.map_err(|_| "the port is closed").unwrap();
        ours.send(&[count]).await.unwrap();
        assert_eq!(timeout(PATIENCE, ours.recv()).await.unwrap().unwrap(), [count][..]);
        assert_eq!(*clients.borrow(), usize::from(count));
        channels.push(ours);
    }
    drop(peers);
    assert_eq!(serving.await.unwrap().unwrap_err().code, Code::NodeUnreachable);
}

#[tokio::test]
async fn an_app_that_does_not_listen_yet_gets_what_is_sent_once_it_does() {
    let reserved = UdpSocket::bind(any()).await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let (peers, incoming) = mpsc::channel(1);
    tokio::spawn(udp::serve(Incoming(incoming), address));
    let (ours, theirs) = channel();
    peers.send(theirs).await.map_err(|_| "the port is closed").unwrap();
    ours.send(b"into the void").await.unwrap();
    let app = UdpSocket::bind(address).await.unwrap();
    let mut buffer = [0; 64];
    // The first may still be refused: its sender hears of the refusal of the one before.
    let heard = async {
        loop {
            ours.send(b"hello").await.unwrap();
            if let Ok(Ok((length, from))) =
                timeout(Duration::from_millis(50), app.recv_from(&mut buffer)).await
                && buffer[..length] == *b"hello"
            {
                return from;
            }
        }
    };
    let from = timeout(PATIENCE, heard).await.unwrap();
    app.send_to(b"hello too", from).await.unwrap();
    assert_eq!(timeout(PATIENCE, ours.recv()).await.unwrap().unwrap(), b"hello too"[..]);
}
