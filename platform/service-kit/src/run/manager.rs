//! What systemd is told, if it started us and asked for it.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::sleep;

/// Tells it.
pub(super) fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "cannot notify the service manager");
    }
}

/// Says again and again that the process still works, twice as often as the unit's `WatchdogSec=` wants it. A runtime
/// whose threads are all stuck says nothing more, and systemd starts the service anew. Ends at once without a watchdog.
pub(super) async fn keep_alive() {
    let Some(every) = sd_notify::watchdog_enabled().map(|timeout| timeout / 2) else { return };
    // A watchdog of nothing would keep a processor busy.
    let every = every.max(Duration::from_millis(1));
    loop {
        notify(&[NotifyState::Watchdog]);
        sleep(every).await;
    }
}
