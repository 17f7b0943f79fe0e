//! Keeps the mirror: a snapshot, then every change as it happens; what breaks is resumed.

use std::{convert::Infallible, sync::Arc, time::Duration};

use byway_api::{
    Event,
    transport_discovery::{Change, EventsQuery, GetSnapshot, SnapshotPart, WatchTransports},
};
use byway_base::{
    Code, Problem,
    limits::{MIRROR_BATCH, REDIAL_MAX, STREAM_KEEPALIVE},
};
use byway_http::client::Client;
use byway_net::Backoff;
use futures_util::StreamExt;
use tokio::{
    runtime::Handle,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    latest::{Latest, View},
    mirror::Mirror,
};

/// How long a dead stream can look alive; `byway_http` gives one up after as much silence.
const STREAM_SILENCE: Duration = Duration::from_secs(3 * STREAM_KEEPALIVE.as_secs());

/// Follows transport discovery.
pub(crate) struct Follower {
    /// Replicas of one registry, tried in turn. Their changes have the same numbers.
    discovery: Vec<Client>,
    latest: Arc<Latest>,
    /// For signatures of a snapshot.
    threads: usize,
    mirror: Mirror,
    /// Changes that the latest view lacks.
    unpublished: bool,
    /// Before this, no further view is made.
    next_view: Instant,
    /// When transport discovery was last heard of.
    heard: Instant,
    /// It was said that transport discovery is not followed; to say it once.
    away: bool,
}

/// Why transport discovery is followed no further for now.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("it has forgotten the changes since the last one seen")]
    Reset,
    #[error("the change stream ended")]
    Closed,
    #[error(transparent)]
    Failed(#[from] Problem),
    #[error("the mirror was lost to a defect: {0}")]
    MirrorLost(#[from] tokio::task::JoinError),
}

impl Follower {
    pub(crate) fn new(discovery: Vec<Client>, latest: Arc<Latest>, threads: usize) -> Self {
        let now = Instant::now();
        let mirror = Mirror::default();
        Self {
            discovery,
            latest,
            threads,
            mirror,
            unpublished: false,
            next_view: now,
            heard: now,
            away: false,
        }
    }

    /// Follows until `stop` is cancelled.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let following = Box::pin(self.follow_for_good(&stop));
        stop.run_until_cancelled(following).await;
    }

    async fn follow_for_good(&mut self, stop: &CancellationToken) {
        let mut backoff = Backoff::default();
        for client in self.discovery.clone().iter().cycle() {
            let (began, before) = (Instant::now(), self.mirror.sequence());
            let Err(end) = self.follow(client, stop).await;
            // A reset is no progress: a registry that sends one after the other must not be asked for snapshots as fast
            // as it can make them.
            let progress = self.mirror.sequence() > before && !matches!(end, End::Reset);
            if progress || began.elapsed() > REDIAL_MAX {
                backoff.reset();
            }
            self.settle(client, &end).await;
            sleep(backoff.next(rand::random())).await;
        }
    }

    /// Publishes what came last, and leaves the mirror ready to be resumed.
    async fn settle(&mut self, client: &Client, end: &End) {
        let now = Instant::now();
        let lost_at = match end {
            End::Failed(problem) if problem.code == Code::Timeout => {
                now.checked_sub(STREAM_SILENCE).map_or(self.heard, |at| at.max(self.heard))
            }
            _ => now,
        };
        if let End::MirrorLost(error) = end {
            tracing::error!(%error, "the mirror is lost; taking a new snapshot");
            self.unpublished = false;
        }
        if self.unpublished
            && let Err(error) = self.apply(Vec::new(), true).await
        {
            tracing::error!(%error, "the last changes are not published");
            self.unpublished = false;
        }
        self.latest.falls_behind(lost_at);
        self.latest.trouble(end.to_string());
        if matches!(end, End::Reset) {
            self.mirror.needs_snapshot();
        }
        if !std::mem::replace(&mut self.away, true) {
            tracing::warn!(url = client.base(), why = %end, "no longer following transport discovery");
        }
    }

    /// Follows one replica until that ends.
    async fn follow(&mut self, client: &Client, stop: &CancellationToken) -> Result<Infallible, End> {
        let since = match self.mirror.sequence() {
            Some(sequence) => sequence,
            None => self.load(client, stop).await?,
        };
        let query = EventsQuery { since: Some(since) };
        let events = client.watch::<WatchTransports>((), query, Some(since)).await?;
        tracing::info!(url = client.base(), since, "following transport discovery");
        (self.heard, self.away) = (Instant::now(), false);
        self.latest.is_current();
        let mut batches = events.ready_chunks(MIRROR_BATCH);
        loop {
            tokio::select! {
                batch = batches.next() => self.take(batch.ok_or(End::Closed)?).await?,
                () = sleep_until(self.next_view), if self.unpublished => self.apply(Vec::new(), true).await?,
            }
        }
    }

    /// Takes a snapshot; answers its number. The former view stays in use meanwhile.
    async fn load(&mut self, client: &Client, stop: &CancellationToken) -> Result<u64, End> {
        let began = Instant::now();
        let (client, stop, threads, runtime) =
            (client.clone(), stop.clone(), self.threads, Handle::current());
        let loaded = self.in_background(move |mirror| {
            // Mere reading of a large snapshot takes seconds, keys being points on a curve. So it happens here, too.
            let reading = stop.run_until_cancelled(read(&client, mirror, threads));
            let (sequence, entries) = runtime.block_on(reading).ok_or(End::Closed)??;
            let view = mirror.view();
            tracing::info!(sequence, entries, genuine = view.counts.transports, "took a snapshot");
            Ok::<_, End>((sequence, view))
        });
        let (sequence, view) = loaded.await??;
        metrics::counter!("byway_mirror_snapshots_total").increment(1);
        self.latest.was_current(began);
        self.published(view, began);
        Ok(sequence)
    }

    async fn take(&mut self, batch: Vec<Result<Event<Change>, Problem>>) -> Result<(), End> {
        let (mut changes, mut end) = (Vec::with_capacity(batch.len()), None);
        for event in batch {
            match event {
                Ok(Event::Item { sequence, item }) => changes.push((sequence, item)),
                Ok(Event::Reset { .. }) => end = Some(End::Reset),
                Err(problem) => end = Some(End::Failed(problem)),
            }
        }
        if !changes.is_empty() {
            self.heard = Instant::now();
            self.latest.falls_behind(self.heard);
            self.unpublished = true;
            self.apply(changes, self.heard >= self.next_view).await?;
        }
        end.map_or(Ok(()), Err)
    }

    /// Takes changes over, and publishes the outcome if told to.
    async fn apply(&mut self, changes: Vec<(u64, Change)>, publish: bool) -> Result<(), End> {
        let began = Instant::now();
        let applied = self.in_background(move |mirror| {
            for (sequence, change) in changes {
                mirror.apply(sequence, change.event);
            }
            publish.then(|| mirror.view())
        });
        if let Some(view) = applied.await? {
            self.published(view, began);
            self.latest.is_current();
        }
        Ok(())
    }

    /// The next view is made after as long as this one took at the earliest. So a large graph under constant change takes
    /// half of one processor at most, and a small one is never waited for.
    fn published(&mut self, view: View, began: Instant) {
        self.latest.publish(view);
        self.unpublished = false;
        self.next_view = Instant::now() + began.elapsed();
    }

    /// Works on the mirror off the async threads. Should that panic, an empty mirror is left, which needs a snapshot.
    async fn in_background<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Mirror) -> T + Send + 'static,
    ) -> Result<T, tokio::task::JoinError> {
        let mut mirror = std::mem::take(&mut self.mirror);
        let working = tokio::task::spawn_blocking(move || {
            let done = work(&mut mirror);
            (mirror, done)
        });
        let (mirror, done) = working.await?;
        self.mirror = mirror;
        Ok(done)
    }
}

/// Reads a snapshot into a mirror of its own, which takes the place of `mirror` once it is whole. Answers the snapshot's
/// number and how many entries came.
async fn read(client: &Client, mirror: &mut Mirror, threads: usize) -> Result<(u64, usize), End> {
    let mut parts = client.feed::<GetSnapshot>((), ()).await?;
    let (mut fresh, mut number, mut entries) = (Mirror::default(), None, 0);
    while let Some(part) = parts.next().await {
        match part? {
            SnapshotPart::Begin { sequence } => {
                number = Some(sequence);
                fresh = Mirror::begin(sequence);
            }
            SnapshotPart::Nodes(nodes) => fresh.load_nodes(nodes),
            SnapshotPart::Transports(transports) => {
                entries += transports.len();
                fresh.load(&transports, mirror, threads);
            }
        }
    }
    let sequence = number.ok_or_else(|| {
        Problem::new(Code::Protocol, "cannot use the snapshot", "it does not say of which number it is")
    })?;
    *mirror = fresh;
    Ok((sequence, entries))
}
