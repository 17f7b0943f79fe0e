//! Requests signed beforehand, sent over connections that stay open.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use byway_base::{SecretKey, limits::HTTP_REPLY_MAX};
use byway_clock::unix_now;
use byway_http::signature::{Target, fresh_nonce, sign_request};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use crate::{service::ServiceProcess, stats::percentile, target::Line};

/// Time for one answer; longer than any service takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request as it goes over the wire.
#[derive(Clone)]
pub(super) struct Request {
    to: SocketAddr,
    bytes: Vec<u8>,
}

impl Request {
    /// A request with a body of JSON, signed now. It is accepted for some minutes, and once.
    pub(super) fn signed(
        secret: &SecretKey,
        method: &str,
        to: &ServiceProcess,
        path: &str,
        body: &str,
    ) -> Self {
        let to = to.place.address;
        let authority = to.to_string();
        let target = Target::new(method, &authority, path, None);
        let mut bytes = format!(
            "{method} {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        )
        .into_bytes();
        for (name, value) in sign_request(secret, &target, body.as_bytes(), unix_now(), &fresh_nonce()) {
            bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        bytes.extend([b"\r\n", body.as_bytes()].concat());
        Self { to, bytes }
    }
}

/// How requests are sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Connections, each with one request under way.
    pub(super) connections: usize,
    /// Requests per second; each connection sends as soon as it has its answer if absent.
    pub(super) rate: Option<f64>,
}

/// What came of requests.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Time to each answer that was no refusal. At a given rate it runs from when the request was due, so that a service
    /// that stalls is not spared the requests that it kept waiting.
    times_us: Vec<f64>,
    /// Requests answered without a refusal.
    done: u64,
    /// Refusals by code, and connections that broke.
    pub(super) errors: BTreeMap<String, u64>,
    /// Time in which requests were under way.
    pub(super) seconds: f64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.times_us.extend(other.times_us);
        self.done += other.done;
        self.seconds += other.seconds;
        for (code, count) in other.errors {
            *self.errors.entry(code).or_default() += count;
        }
    }

    /// The same without the time of each answer, for sums over hours.
    pub(super) fn without_times(self) -> Self {
        Self { times_us: Vec::new(), ..self }
    }

    /// Requests answered without a refusal.
    pub(super) const fn done(&self) -> f64 {
        self.done as f64
    }

    pub(super) fn per_second(&self) -> f64 {
        self.done() / self.seconds
    }

    pub(super) fn percentile_ms(&self, part: f64) -> f64 {
        percentile(&self.times_us, part) / 1e3
    }

    /// A row for each kind of error.
    pub(super) fn errors(&self, what: &str) -> Vec<Line> {
        let line = |(code, count): (&String, &u64)| {
            Line::new(format!("{what}: refused, {code}"), "requests", *count as f64)
        };
        self.errors.iter().map(line).collect()
    }
}

/// Sends every request once and waits for the answers.
pub(super) async fn send(requests: Vec<Request>, pace: Pace) -> Result<Tally> {
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let begun = Instant::now();
    let mut senders = JoinSet::new();
    for _ in 0..pace.connections.clamp(1, requests.len().max(1)) {
        senders.spawn(send_some(requests.clone(), next.clone(), pace.rate, begun));
    }
    let mut tally = Tally::default();
    while let Some(sent) = senders.join_next().await {
        tally.add(sent?);
    }
    tally.seconds = begun.elapsed().as_secs_f64();
    Ok(tally)
}

async fn send_some(
    requests: Arc<Vec<Request>>,
    next: Arc<AtomicUsize>,
    rate: Option<f64>,
    begun: Instant,
) -> Tally {
    let mut tally = Tally::default();
    let mut connections: BTreeMap<SocketAddr, BufReader<TcpStream>> = BTreeMap::new();
    loop {
        let index = next.fetch_add(1, Relaxed);
        let Some(request) = requests.get(index) else { return tally };
        let due = match rate {
            Some(rate) => begun + Duration::from_secs_f64(index as f64 / rate),
            None => Instant::now(),
        };
        sleep_until(due).await;
        let answered = timeout(PATIENCE, exchange(&mut connections, request)).await;
        match answered.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer"))) {
            Ok(None) => {
                tally.done += 1;
                tally.times_us.push(due.elapsed().as_secs_f64() * 1e6);
            }
            Ok(Some(code)) => *tally.errors.entry(code).or_default() += 1,
            Err(_) => {
                connections.remove(&request.to);
                *tally.errors.entry("connection broke".to_owned()).or_default() += 1;
            }
        }
    }
}

/// The code of a refusal, if it is one.
async fn exchange(
    connections: &mut BTreeMap<SocketAddr, BufReader<TcpStream>>,
    request: &Request,
) -> Result<Option<String>> {
    let stream = match connections.entry(request.to) {
        Entry::Occupied(open) => open.into_mut(),
        Entry::Vacant(place) => {
            let stream = TcpStream::connect(request.to).await?;
            stream.set_nodelay(true)?;
            place.insert(BufReader::new(stream))
        }
    };
    stream.get_mut().write_all(&request.bytes).await?;
    let (mut status, mut length) = (None, 0);
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            bail!("the service closed the connection");
        }
        let text = line.trim_end();
        if status.is_none() {
            status = Some(text.split(' ').nth(1).context("no status")?.parse::<u16>()?);
        } else if text.is_empty() {
            break;
        } else if let Some(value) = text.strip_prefix("content-length: ") {
            length = value.parse()?;
        }
    }
    if length > HTTP_REPLY_MAX {
        bail!("the answer has {length} bytes");
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    if status.is_some_and(|status| status < 300) {
        return Ok(None);
    }
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    Ok(Some(problem["code"].as_str().unwrap_or("no code").to_owned()))
}
