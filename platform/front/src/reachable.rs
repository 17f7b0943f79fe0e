//! Whether messaging works, as a readiness check.

use byway_messaging_client::MessagingClient;
use byway_service_kit::Check;

/// Keeps `check` up to date, for ever. Without messaging the service works on for those who know its address: degraded.
pub async fn keep_reporting(client: &MessagingClient, check: &Check) {
    let mut status = client.watch();
    loop {
        let now = status.borrow_and_update().clone();
        if now.connected {
            check.ok();
        } else {
            check.degraded(now.why_not_connected());
        }
        if status.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
