//! `connect` and `expose` without a network.

use std::{io::ErrorKind, net::SocketAddr};

use byway_base::{Code, Port};
use byway_cli::{choice::Choice, dial::BoxedStream, expose, forward::Forward, target::Target};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, duplex, split},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::memory::{Incoming, Memory, bytes};

async fn assert_echoes(stream: impl AsyncRead + AsyncWrite) {
    let data = bytes(300_000);
    let (mut read, mut write) = split(stream);
    let send = async {
        write.write_all(&data).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let mut back = Vec::new();
    let (_, received) = tokio::join!(send, read.read_to_end(&mut back));
    received.unwrap();
    assert!(back == data, "{} of {} bytes", back.len(), data.len());
}

async fn forward(to: &str) -> SocketAddr {
    let target = Target { peer: to.to_owned(), port: Port(80) };
    let forward =
        Forward::bind(([127, 0, 0, 1], 0).into(), Memory::default(), target, Choice::Any).await.unwrap();
    let address = forward.address();
    tokio::spawn(async move { forward.serve().await });
    address
}

/// A local app that sends back what it gets.
async fn local_echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut read, mut write) = stream.split();
            copy(&mut read, &mut write).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn a_local_port_leads_to_the_app_byte_for_byte() {
    let local = forward("echo").await;
    for _ in 0..3 {
        assert_echoes(TcpStream::connect(local).await.unwrap()).await;
    }
}

#[tokio::test]
async fn a_connection_that_cannot_be_dialled_is_reset_and_not_ended() {
    let local = forward("bw-no-path").await;
    let mut client = TcpStream::connect(local).await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_local_address_that_is_taken_is_told() {
    let taken = forward("echo").await;
    let target = Target { peer: "echo".to_owned(), port: Port(80) };
    let problem = Forward::bind(taken, Memory::default(), target, Choice::Any).await.unwrap_err();
    assert_eq!(problem.code, Code::Bind);
    assert!(problem.what.contains(&taken.to_string()), "{problem}");
}

#[tokio::test]
async fn streams_of_peers_lead_to_the_local_app_until_there_are_no_more() {
    let app = local_echo().await;
    let (peers, incoming) = mpsc::channel::<BoxedStream>(1);
    let serving = tokio::spawn(expose::serve(Incoming(incoming), app));
    for _ in 0..3 {
        let (ours, theirs) = duplex(4096);
        peers.send(Box::new(theirs)).await.map_err(|_| "the port is closed").unwrap();
        assert_echoes(ours).await;
    }
    drop(peers);
    assert_eq!(serving.await.unwrap().unwrap_err().code, Code::NodeUnreachable);
}

#[tokio::test]
async fn a_local_app_that_does_not_answer_ends_the_stream_and_not_the_port() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (peers, incoming) = mpsc::channel::<BoxedStream>(1);
    tokio::spawn(expose::serve(Incoming(incoming), gone));
    for _ in 0..2 {
        let (mut ours, theirs) = duplex(64);
        peers.send(Box::new(theirs)).await.map_err(|_| "the port is closed").unwrap();
        assert_eq!(ours.read(&mut [0]).await.unwrap(), 0);
    }
}
