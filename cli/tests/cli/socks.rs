//! The SOCKS5 proxy.

use std::net::SocketAddr;

use byway_base::{Code, Port};
use byway_cli::{choice::Choice, proxy::Proxy, target::Target};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, split},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_socks::{Error, tcp::Socks5Stream};

use crate::memory::{Memory, bytes};

struct Serving {
    address: SocketAddr,
    memory: Memory,
    task: JoinHandle<()>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(choice: Choice) -> Serving {
    let memory = Memory::default();
    let proxy = Proxy::bind(([127, 0, 0, 1], 0).into(), memory.clone(), choice).await.unwrap();
    let address = proxy.address();
    Serving { address, memory, task: tokio::spawn(async move { proxy.serve().await }) }
}

async fn assert_echoes(proxy: SocketAddr) {
    let mut stream = Socks5Stream::connect(proxy, ("echo.byway", 80)).await.unwrap().into_inner();
    let data = bytes(500_000);
    let (mut read, mut write) = split(&mut stream);
    let send = async {
        write.write_all(&data).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let mut back = Vec::new();
    let (_, received) = tokio::join!(send, read.read_to_end(&mut back));
    received.unwrap();
    assert!(back == data, "{} of {} bytes", back.len(), data.len());
}

/// Speaks SOCKS byte by byte: what is sent, then what comes back until `length` bytes or the end.
async fn talk(proxy: SocketAddr, sent: &[&[u8]], length: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(proxy).await.unwrap();
    for part in sent {
        stream.write_all(part).await.unwrap();
    }
    let mut heard = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match stream.read(&mut heard[filled..]).await.unwrap() {
            0 => break,
            count => filled += count,
        }
    }
    heard.truncate(filled);
    heard
}

/// A CONNECT request for a name.
fn connect(name: &str, port: u16) -> Vec<u8> {
    let mut request = vec![5, 1, 0, 3, u8::try_from(name.len()).unwrap()];
    request.extend_from_slice(name.as_bytes());
    request.extend_from_slice(&port.to_be_bytes());
    request
}

#[tokio::test]
async fn every_byte_comes_back_and_each_half_ends_by_itself() {
    let serving = serve(Choice::Any).await;
    assert_echoes(serving.address).await;
    let expected = (Target { peer: "echo".to_owned(), port: Port(80) }, Choice::Any);
    assert_eq!(*serving.memory.dialled.lock().await, [expected]);
}

#[tokio::test]
async fn names_outside_of_byway_and_addresses_are_not_allowed_and_never_dialled() {
    let serving = serve(Choice::Any).await;
    for name in ["example.org", "echo", "www.echo.byway"] {
        let refused = Socks5Stream::connect(serving.address, (name, 80)).await.unwrap_err();
        assert!(matches!(refused, Error::ConnectionNotAllowedByRuleset), "{name}: {refused}");
    }
    for address in ["127.0.0.1:80", "[::1]:80"] {
        let address: SocketAddr = address.parse().unwrap();
        let refused = Socks5Stream::connect(serving.address, address).await.unwrap_err();
        assert!(matches!(refused, Error::ConnectionNotAllowedByRuleset), "{address}: {refused}");
    }
    assert!(serving.memory.dialled.lock().await.is_empty());
}

#[tokio::test]
async fn the_user_name_is_the_policy_and_goes_before_that_of_the_proxy() {
    let serving = serve(Choice::policy("hops>=2").unwrap()).await;
    let to = ("echo.byway", 80);
    Socks5Stream::connect(serving.address, to).await.unwrap();
    Socks5Stream::connect_with_password(serving.address, to, "hops>=3 via=n1", "x").await.unwrap();
    let choices: Vec<_> =
        serving.memory.dialled.lock().await.iter().map(|(_, choice)| choice.clone()).collect();
    assert_eq!(choices, ["hops>=2", "hops>=3 via=n1"].map(|text| Choice::policy(text).unwrap()));
}

#[tokio::test]
async fn a_user_without_a_name_or_a_password_is_welcome() {
    let serving = serve(Choice::Any).await;
    let request = connect("echo.byway", 80);
    for (name, length) in [("", 0u8), ("hops>=2", 7)] {
        let login = [&[1, length], name.as_bytes(), &[0]].concat();
        let heard = talk(serving.address, &[&[5, 1, 2], &login, &request], 14).await;
        assert_eq!(heard[..6], [5, 2, 1, 0, 5, 0], "{name}");
    }
    let choices: Vec<_> =
        serving.memory.dialled.lock().await.iter().map(|(_, choice)| choice.clone()).collect();
    assert_eq!(choices, [Choice::Any, Choice::policy("hops>=2").unwrap()]);
}

#[tokio::test]
async fn a_user_name_that_is_no_policy_is_rejected() {
    let serving = serve(Choice::Any).await;
    let result = Socks5Stream::connect_with_password(serving.address, ("echo.byway", 80), "alice", "x").await;
    assert!(matches!(result.unwrap_err(), Error::PasswordAuthFailure(_)));
    assert!(serving.memory.dialled.lock().await.is_empty());
}

#[tokio::test]
async fn why_a_dial_failed_is_told_as_far_as_socks_has_words() {
    let serving = serve(Choice::Any).await;
    let replies = [
        (Code::Denied, 2),
        (Code::NoPath, 3),
        (Code::NodeUnreachable, 3),
        (Code::BadKey, 4),
        (Code::PeerUnreachable, 4),
        (Code::NoListener, 5),
        (Code::Timeout, 6),
        (Code::BadPolicy, 1),
    ];
    for (code, reply) in replies {
        let name = format!("{}.byway", code.as_str().to_ascii_lowercase());
        let heard = talk(serving.address, &[&[5, 1, 0], &connect(&name, 80)], 12).await;
        assert_eq!(heard[..4], [5, 0, 5, reply], "{code}");
    }
}

#[tokio::test]
async fn only_connect_is_served_and_other_protocols_are_cut_off() {
    let serving = serve(Choice::Any).await;
    let mut bind = connect("echo.byway", 80);
    bind[1] = 2;
    assert_eq!(talk(serving.address, &[&[5, 1, 0], &bind], 12).await[..4], [5, 0, 5, 7]);
    // GSSAPI alone.
    assert_eq!(talk(serving.address, &[&[5, 1, 1]], 2).await, [5, 0xff]);
    assert_echoes(serving.address).await;
}

#[tokio::test]
async fn clients_that_say_nothing_or_read_nothing_hold_up_nobody() {
    let serving = serve(Choice::Any).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(serving.address).await.unwrap());
    }
    let _unread = Socks5Stream::connect(serving.address, ("flood.byway", 80)).await.unwrap();
    assert_echoes(serving.address).await;
    drop(silent);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_given_up() {
    let serving = serve(Choice::Any).await;
    let mut silent = TcpStream::connect(serving.address).await.unwrap();
    // The clock runs ahead whenever nothing else can happen.
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
}
