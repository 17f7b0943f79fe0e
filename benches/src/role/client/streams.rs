//! Streams between two messaging clients: a QUIC connection end to end, of which the servers see datagrams.

use std::time::Instant;

use anyhow::{Result, bail, ensure};
use byway_base::PublicKey;
use byway_messaging_client::{MessagingClient, PeerConnections};
use quinn::{Connection, RecvStream, SendStream};
use tokio::{io::AsyncReadExt, task::JoinSet};

use super::{
    super::{Answer, CHUNK, PING},
    ALPN,
};

/// The first byte of a stream: what the accepting end does with the rest.
const ECHO: u8 = 1;
const COUNT: u8 = 2;

/// Serves what peers open, until the client ends.
pub(super) async fn serve(mut peers: PeerConnections) {
    while let Some(accepted) = peers.recv().await {
        tokio::spawn(async move {
            while let Ok((send, receive)) = accepted.connection.accept_bi().await {
                tokio::spawn(answer(send, receive));
            }
        });
    }
}

async fn answer(mut send: SendStream, mut receive: RecvStream) -> Result<()> {
    match receive.read_u8().await? {
        ECHO => {
            while let Some(chunk) = receive.read_chunk(CHUNK, true).await? {
                send.write_chunk(chunk.bytes).await?;
            }
        }
        COUNT => {
            let mut bytes = 0;
            while let Some(chunk) = receive.read_chunk(CHUNK, true).await? {
                bytes += chunk.bytes.len() as u64;
            }
            send.write_all(&bytes.to_be_bytes()).await?;
        }
        other => bail!("a stream begins with {other}"),
    }
    Ok(send.finish()?)
}

/// A connection and one byte there and back.
pub(super) async fn dial(client: &MessagingClient, to: PublicKey) -> Result<Connection> {
    let connection = client.connect(to, ALPN).await?;
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(&[ECHO, 0]).await?;
    receive.read_u8().await?;
    send.finish()?;
    Ok(connection)
}

/// Sends a part over each stream, and waits until the other end says that it has all.
pub(super) async fn send(
    client: &MessagingClient,
    to: PublicKey,
    streams: u32,
    bytes: u64,
) -> Result<Answer> {
    let connection = client.connect(to, ALPN).await?;
    let each = bytes / u64::from(streams.max(1));
    let started = Instant::now();
    let mut transfers: JoinSet<Result<()>> = (0..streams)
        .map(|_| {
            let connection = connection.clone();
            async move { transfer(&connection, each).await }
        })
        .collect();
    while let Some(done) = transfers.join_next().await {
        done??;
    }
    let sent = each * u64::from(streams);
    Ok(Answer { bytes: sent, seconds: started.elapsed().as_secs_f64(), ..Answer::default() })
}

async fn transfer(connection: &Connection, bytes: u64) -> Result<()> {
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(&[COUNT]).await?;
    let chunk = vec![0x5a; CHUNK];
    let mut left = bytes;
    while left > 0 {
        let count = chunk.len().min(usize::try_from(left).unwrap_or(CHUNK));
        send.write_all(&chunk[..count]).await?;
        left -= count as u64;
    }
    send.finish()?;
    let arrived = receive.read_u64().await?;
    ensure!(arrived == bytes, "{arrived} of {bytes} bytes arrived");
    Ok(())
}

pub(super) async fn ping(client: &MessagingClient, to: PublicKey, count: u32) -> Result<Answer> {
    let connection = client.connect(to, ALPN).await?;
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(&[ECHO]).await?;
    let mut times_us = Vec::new();
    let mut message = [0; PING];
    for _ in 0..count {
        let started = Instant::now();
        send.write_all(&message).await?;
        receive.read_exact(&mut message).await?;
        times_us.push(started.elapsed().as_secs_f64() * 1e6);
    }
    send.finish()?;
    Ok(Answer { times_us, ..Answer::default() })
}
