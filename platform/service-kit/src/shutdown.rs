//! The end of a service: asked to stop, draining, out of time.

use std::{
    io, process,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

/// Exit code of a process that was interrupted before it had drained.
const INTERRUPTED: i32 = 130;

/// Tells a service to stop, and until when. Clones are the same. Once begun it cannot be taken back.
#[derive(Debug, Clone)]
pub struct Shutdown {
    begun: CancellationToken,
    expired: CancellationToken,
    began: Arc<OnceLock<Instant>>,
    drain: Duration,
}

impl Shutdown {
    /// A shutdown that has not begun, and that leaves `drain` for what is under way. Listens to no signals.
    #[must_use]
    pub fn new(drain: Duration) -> Self {
        Self {
            begun: CancellationToken::new(),
            expired: CancellationToken::new(),
            began: Arc::default(),
            drain,
        }
    }

    /// Asks the service to stop: take nothing new, finish what is under way. Repeating it is harmless.
    pub fn begin(&self) {
        self.began.get_or_init(Instant::now);
        self.begun.cancel();
    }

    /// Ends the time for what is under way at once.
    pub fn expire_now(&self) {
        self.begin();
        self.expired.cancel();
    }

    /// Whether the service was asked to stop.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Waits until the service is asked to stop. Cancel safe.
    pub async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// A token that is cancelled when the service is asked to stop, for handing down. Cancelling it would skip the
    /// deadline; call [`begin`](Self::begin) for that, which is why this is a child.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.begun.child_token()
    }

    /// Waits until the time for what is under way has run out. Cancel safe.
    pub async fn expired(&self) {
        self.begun.cancelled().await;
        let began = *self.began.get_or_init(Instant::now);
        tokio::select! {
            () = sleep(self.drain.saturating_sub(began.elapsed())) => {}
            () = self.expired.cancelled() => {}
        }
    }

    /// Lets SIGTERM and SIGINT begin the shutdown; a second one ends the process with exit code 130. Must be called
    /// within a runtime.
    ///
    /// # Errors
    /// If the handlers cannot be installed.
    pub fn listen_to_signals(&self) -> io::Result<()> {
        let mut signals = Signals::new()?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            let name = signals.next().await;
            tracing::info!(signal = name, drain_s = shutdown.drain.as_secs(), "asked to stop");
            shutdown.begin();
            let name = signals.next().await;
            tracing::warn!(signal = name, "asked again: stopping at once");
            process::exit(INTERRUPTED);
        });
        Ok(())
    }
}

/// The signals that ask a process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_runs_out_after_the_drain_time_and_not_before_it_has_begun() {
        let shutdown = Shutdown::new(Duration::from_secs(20));
        let token = shutdown.token();
        assert!(!shutdown.is_begun() && !token.is_cancelled());
        let begun_at = Instant::now();
        shutdown.begin();
        shutdown.begin();
        token.cancelled().await;
        shutdown.expired().await;
        assert_eq!(begun_at.elapsed().as_secs(), 20);
    }

    #[tokio::test]
    async fn expiring_needs_no_waiting() {
        let shutdown = Shutdown::new(Duration::MAX / 4);
        shutdown.expire_now();
        shutdown.begun().await;
        assert!(shutdown.is_begun());
    }

    #[test]
    fn cancelling_what_was_handed_down_does_not_begin_the_shutdown() {
        let shutdown = Shutdown::new(Duration::ZERO);
        shutdown.token().cancel();
        assert!(!shutdown.is_begun());
    }
}
