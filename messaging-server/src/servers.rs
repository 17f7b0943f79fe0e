//! Which keys are messaging servers, and where they are: their own contact records, looked up away from any client's
//! path.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use byway_base::{
    PublicKey,
    limits::{MESSAGING_LINKS, RECORD_RENEW},
};
use byway_messaging::Recent;
use byway_messaging_client::{Directory, fetch_records};
use byway_wire::RecordBody;
use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::Instant};

/// Look-ups under way at once; the rest wait for them.
const LOOK_UPS: usize = 32;
/// How long it is believed that a key is no server. A new server's first record may be a moment old.
const ABSENT: Duration = Duration::from_secs(5);
/// Keys remembered.
const REMEMBERED: usize = 4 * MESSAGING_LINKS;

/// What messaging discovery says of other servers, remembered for a while.
pub(crate) struct Servers {
    directory: Arc<dyn Directory>,
    known: Mutex<Recent<PublicKey, Known>>,
    asking: Semaphore,
}

#[derive(Debug)]
struct Known {
    /// Where the server is; empty if the key is none.
    addresses: Vec<SocketAddr>,
    until: Instant,
}

impl Servers {
    pub(crate) fn new(directory: Arc<dyn Directory>) -> Self {
        Self { directory, known: Mutex::new(Recent::new(REMEMBERED)), asking: Semaphore::new(LOOK_UPS) }
    }

    /// Where the messaging server `key` takes TLS over TCP; empty if the key is no server's, or nobody can say.
    pub(crate) async fn addresses(&self, key: PublicKey) -> Vec<SocketAddr> {
        if let Some(known) = self.remembered(key) {
            return known;
        }
        let Ok(_permit) = self.asking.acquire().await else { return Vec::new() };
        // Whoever held the permit may have asked the same.
        if let Some(known) = self.remembered(key) {
            return known;
        }
        let records = match fetch_records(self.directory.as_ref(), vec![key]).await {
            Ok(records) => records,
            Err(problem) => {
                tracing::debug!(server = ?key, %problem, "cannot look a messaging server up");
                return Vec::new();
            }
        };
        let addresses = records.into_iter().find_map(|signed| match signed.record.body {
            RecordBody::Server { addresses, .. } => Some(addresses),
            RecordBody::Node { .. } | RecordBody::Tombstone {} => None,
        });
        let addresses = addresses.unwrap_or_default();
        let believed = if addresses.is_empty() { ABSENT } else { RECORD_RENEW };
        let until = Instant::now() + believed;
        let mut known = self.known.lock();
        let known = known.get_or_insert_with(key, || Known { addresses: Vec::new(), until });
        *known = Known { addresses: addresses.clone(), until };
        addresses
    }

    fn remembered(&self, key: PublicKey) -> Option<Vec<SocketAddr>> {
        let mut known = self.known.lock();
        let known = known.get_mut(&key).filter(|known| known.until > Instant::now())?;
        Some(known.addresses.clone())
    }
}
