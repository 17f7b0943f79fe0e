//! What the mirror published last, and how current that is.

use std::{fmt, sync::Arc, time::Duration};

use byway_api::route_finder::MirrorView;
use byway_base::{Code, Problem};
use byway_route_graph::{Counts, Csr};
use byway_service_kit::Check;
use parking_lot::Mutex;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// How often age and readiness are looked at without any other cause.
const INTERVAL: Duration = Duration::from_secs(1);

/// The graph at one place of the change stream.
pub(crate) struct View {
    pub(crate) csr: Arc<Csr>,
    pub(crate) counts: Counts,
    /// The last change contained.
    pub(crate) sequence: u64,
}

/// The latest view. Written by the follower, read by every query.
pub(crate) struct Latest {
    view: watch::Sender<Option<Arc<View>>>,
    currency: Mutex<Currency>,
    check: Check,
    age_max: Duration,
}

struct Currency {
    /// Until when the view is known to have been current. None: it still is, as the change stream is open and all that
    /// came is in it. That an open stream is dead in truth shows within three of its keep-alives.
    until: Option<Instant>,
    /// Why transport discovery does not answer.
    trouble: Option<String>,
}

impl Latest {
    /// Without a view yet. `check` tells readiness; from `age_max` on it is degraded.
    pub(crate) fn new(check: Check, age_max: Duration) -> Self {
        let currency = Currency { until: Some(Instant::now()), trouble: None };
        Self { view: watch::Sender::new(None), currency: Mutex::new(currency), check, age_max }
    }

    /// The view to answer from, however old: an old answer is better than none.
    ///
    /// # Errors
    /// [`Code::NotReady`] before the first snapshot.
    pub(crate) fn view(&self) -> Result<Arc<View>, Problem> {
        self.view.borrow().clone().ok_or_else(|| {
            Problem::new(Code::NotReady, "cannot search for paths", self.why_not_ready())
                .with_hint("ask again in a moment, or another finder")
        })
    }

    /// What an answer from `view` says of its age.
    pub(crate) fn mirror(&self, view: &View) -> MirrorView {
        let mirror_age_ms = u64::try_from(self.age().as_millis()).unwrap_or(u64::MAX);
        MirrorView { mirror_age_ms, mirror_sequence: view.sequence }
    }

    /// Replaces the view.
    pub(crate) fn publish(&self, view: View) {
        gauge_counts(&view.counts);
        self.view.send_replace(Some(Arc::new(view)));
        self.assess();
    }

    /// The view was current at `at`.
    pub(crate) fn was_current(&self, at: Instant) {
        self.currency.lock().until = Some(at);
        self.assess();
    }

    /// The view is current from now on.
    pub(crate) fn is_current(&self) {
        *self.currency.lock() = Currency { until: None, trouble: None };
        self.assess();
    }

    /// The view is no longer known to be current: since `at`, unless since before.
    pub(crate) fn falls_behind(&self, at: Instant) {
        self.currency.lock().until.get_or_insert(at);
    }

    /// Transport discovery does not answer.
    pub(crate) fn trouble(&self, why: String) {
        self.currency.lock().trouble = Some(why);
        self.assess();
    }

    /// Keeps readiness and the gauge of the age up to date while nothing else happens.
    pub(crate) async fn keep_assessing(&self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(INTERVAL);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.assess();
        }
    }

    fn age(&self) -> Duration {
        self.currency.lock().until.map_or(Duration::ZERO, |until| until.elapsed())
    }

    fn assess(&self) {
        if self.view.borrow().is_none() {
            return self.check.failing(self.why_not_ready());
        }
        let age = self.age();
        metrics::gauge!("byway_mirror_age_seconds").set(age.as_secs_f64());
        if age > self.age_max {
            let trouble = self.currency.lock().trouble.clone();
            let why = trouble.unwrap_or_else(|| "changes wait to be taken over".to_owned());
            self.check.degraded(format!("the mirror is {} s old: {why}", age.as_secs()));
        } else {
            self.check.ok();
        }
    }

    fn why_not_ready(&self) -> String {
        match &self.currency.lock().trouble {
            Some(trouble) => format!("there is no snapshot of transport discovery yet: {trouble}"),
            None => "there is no snapshot of transport discovery yet".to_owned(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point; counts stay far below 2^52")]
fn gauge_counts(counts: &Counts) {
    metrics::gauge!("byway_graph_nodes").set(counts.nodes as f64);
    metrics::gauge!("byway_graph_transports", "state" => "up").set(counts.usable as f64);
    metrics::gauge!("byway_graph_transports", "state" => "down")
        .set((counts.transports - counts.usable) as f64);
}

/// Tells how far a finder's mirror is, also after the finder began to serve. Clones tell the same.
#[derive(Clone)]
pub struct Mirrored(pub(crate) Arc<Latest>);

impl Mirrored {
    /// Waits until answers contain the change of this number. The caller sets the deadline. Cancel safe.
    pub async fn reached(&self, sequence: u64) {
        let mut views = self.0.view.subscribe();
        let reached = views.wait_for(|view| view.as_ref().is_some_and(|view| view.sequence >= sequence));
        reached.await.map(drop).expect("the sender lives as long as self");
    }
}

impl fmt::Debug for Mirrored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sequence = self.0.view.borrow().as_ref().map(|view| view.sequence);
        f.debug_struct("Mirrored").field("sequence", &sequence).finish()
    }
}

#[cfg(test)]
mod tests {
    use byway_base::limits::MIRROR_AGE_MAX;
    use byway_service_kit::{Condition, Health};

    use super::*;

    fn view(sequence: u64) -> View {
        View { csr: Arc::default(), counts: Counts::default(), sequence }
    }

    #[tokio::test(start_paused = true)]
    async fn readiness_follows_the_age_of_the_mirror() {
        let health = Health::new();
        let latest = Latest::new(health.check("mirror"), MIRROR_AGE_MAX);
        latest.trouble("nobody listens".to_owned());
        assert_eq!(latest.view().err().unwrap().code, Code::NotReady);
        let Condition::Failing { why } = &health.report().checks["mirror"] else { panic!("it fails") };
        assert!(why.contains("nobody listens"), "{why}");

        latest.publish(view(1));
        latest.is_current();
        tokio::time::advance(2 * MIRROR_AGE_MAX).await;
        latest.assess();
        assert_eq!(health.report().checks["mirror"], Condition::Ok);
        assert_eq!(latest.mirror(&view(1)), MirrorView { mirror_age_ms: 0, mirror_sequence: 1 });

        latest.falls_behind(Instant::now());
        tokio::time::advance(MIRROR_AGE_MAX).await;
        latest.falls_behind(Instant::now());
        assert_eq!(latest.mirror(&view(1)).mirror_age_ms, 60_000, "counted from the first time");
        tokio::time::advance(Duration::from_millis(1)).await;
        latest.assess();
        assert!(matches!(health.report().checks["mirror"], Condition::Degraded { .. }));
        assert!(health.is_ready() && latest.view().is_ok(), "it still answers");
    }
}
