//! What the services that keep a registry share: settings, a database that may be away, sweeping.
//!
//! A registry says by [`Registry`] what is its own: endpoints, and what it does by itself from time to time.
//! [`RegistryService`] is the service around it.
#![warn(missing_docs)]

mod config;
mod keeper;
mod service;

use byway_base::UnixTime;
use byway_clock::Clock;
use byway_http::server::Server;
use byway_messaging_client::Config as MessagingConfig;
use byway_service_kit::ConfigKeys;
use byway_store::{Store, StoreError};

pub use config::{Config, RawRegistry, RawStore};
pub use service::RegistryService;

/// One registry: what differs between the services that keep one. A value of it is what the service remembers from one
/// sweep to the next.
pub trait Registry: Send + Sized + 'static {
    /// The service's name, as its folder is called.
    const NAME: &'static str;
    /// One sentence on what it does.
    const ABOUT: &'static str;
    /// The file in the data directory that holds the registry unless told otherwise.
    const FILE: &'static str;
    /// The settings as written. Their texts are the service's own; what they can say is the same for all.
    type Raw: ConfigKeys + Into<RawRegistry>;
    /// The endpoints.
    type Endpoints: byway_api::Service;

    /// Handles the endpoints.
    fn server(store: Store, clock: Clock) -> Server<Self::Endpoints>;

    /// What is remembered at the start.
    fn begin(now: UnixTime) -> Self;

    /// Removes what has had its time; called every [`Config::sweep_interval`]. Must fail if the database does not answer.
    fn sweep(&mut self, store: &Store, now: UnixTime) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The database did not answer.
    fn missed(&mut self, _now: UnixTime) {}

    /// Adapts what the service's messaging client is started with.
    #[must_use]
    fn messaging(config: MessagingConfig, _store: &Store, _clock: &Clock) -> MessagingConfig {
        config
    }
}
