//! What a service is to its `main`.

use axum::Router;
use byway_base::{Problem, PublicKey};

use crate::{Common, ConfigKeys, Health, Shutdown};

/// A service: configured, bound, served. Tests and the demo call the same three steps in-process; an executable calls
/// [`run_service`](crate::run_service).
pub trait Service: Sized + Send + 'static {
    /// The service's name, as its folder is called: `route-finder`.
    const NAME: &'static str;
    /// One sentence on what it does.
    const ABOUT: &'static str;
    /// The settings as written; declared with [`settings!`](crate::settings).
    type Raw: ConfigKeys;
    /// The settings parsed into types that cannot be wrong.
    type Config: Send + 'static;

    /// Parses and checks. Touches neither files nor sockets.
    ///
    /// # Errors
    /// [`Code::Config`](byway_base::Code::Config), naming the setting.
    fn configure(raw: Self::Raw, common: &Common) -> Result<Self::Config, Problem>;

    /// Takes hold of everything needed: keys, store, sockets.
    ///
    /// # Errors
    /// What could not be had.
    fn bind(config: Self::Config) -> impl Future<Output = Result<Self, Problem>> + Send;

    /// The service's checks.
    fn health(&self) -> Health;

    /// The bound addresses by name: `("http", "127.0.0.1:9091")`.
    fn addresses(&self) -> Vec<(&'static str, String)>;

    /// The service's identity, if it has one.
    fn identity(&self) -> Option<PublicKey> {
        None
    }

    /// What the service's admin listener answers beside health and metrics.
    fn admin(&self) -> Router {
        Router::new()
    }

    /// Works until `shutdown` begins, then finishes what is under way. Dropped when the time for that has run out.
    ///
    /// # Errors
    /// What made it impossible to go on.
    fn serve(self, shutdown: Shutdown) -> impl Future<Output = Result<(), Problem>> + Send;
}
