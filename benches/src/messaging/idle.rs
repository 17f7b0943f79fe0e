//! What a client that does nothing sends and receives.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Result;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Duration, sleep},
};

use super::{
    Extent,
    server::{self, Clients},
};
use crate::{
    role::{client::ClientPlan, stream::Place},
    target::Line,
};

/// Servers that the client is connected to, as many as by default.
const SERVERS: usize = 2;
/// What belongs to the start is over after this.
const SETTLE: Duration = Duration::from_secs(5);
/// Bytes of the headers of IPv4 and TCP, with timestamps.
const HEADERS: u64 = 52;
const DAY: f64 = 86_400.0;

pub(super) async fn measure(extent: Extent) -> Result<Vec<Line>> {
    let (mut servers, mut places, meter) = (Vec::new(), Vec::new(), Arc::<Meter>::default());
    for _ in 0..SERVERS {
        let server = server::start().await?;
        places.push(meter.before(server.place).await?);
        servers.push(server);
    }
    let plan = ClientPlan { servers: places, quic: false, discovery: None, confined: false };
    let _client = Clients::start(plan, 1).await?;
    sleep(SETTLE).await;
    let before = meter.read();
    sleep(extent.idle).await;
    let after = meter.read();
    let (bytes, pieces) = (after.0 - before.0, after.1 - before.1);
    let per_day = |bytes: u64| bytes as f64 * DAY / extent.idle.as_secs_f64() / 1e6;
    let seconds = extent.idle.as_secs();
    let what = format!("idle client of {SERVERS} servers, from {seconds} s, both ways");
    let line = Line::new(what, "MB/day", per_day(bytes + pieces * 2 * HEADERS))
        .beside("without headers and acknowledgements of TCP", per_day(bytes))
        .beside("segments", pieces as f64);
    Ok(vec![line])
}

/// Counts what passes.
#[derive(Default)]
struct Meter {
    bytes: AtomicU64,
    /// Reads; of a connection that is idle each brings one segment, which is acknowledged.
    pieces: AtomicU64,
}

impl Meter {
    fn read(&self) -> (u64, u64) {
        (self.bytes.load(Ordering::Relaxed), self.pieces.load(Ordering::Relaxed))
    }

    /// A place that leads to `place`; what goes that way is counted.
    async fn before(self: &Arc<Self>, place: Place) -> Result<Place> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let own = Place { address: listener.local_addr()?, ..place };
        let meter = self.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(meter.clone().splice(client, place.address));
            }
        });
        Ok(own)
    }

    async fn splice(self: Arc<Self>, client: TcpStream, to: SocketAddr) -> Result<()> {
        let server = TcpStream::connect(to).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        // The end of either is the end of both.
        tokio::select! {
            end = self.pass(from_client, to_server) => end,
            end = self.pass(from_server, to_client) => end,
        }
    }

    async fn pass(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = from.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            self.bytes.fetch_add(count as u64, Ordering::Relaxed);
            self.pieces.fetch_add(1, Ordering::Relaxed);
            to.write_all(&buffer[..count]).await?;
        }
    }
}
