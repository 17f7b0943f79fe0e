//! The services of the network, by name.

use byway_base::{Code, Problem};
use byway_messaging_discovery::MessagingDiscovery;
use byway_messaging_server::MessagingServer;
use byway_node::NodeService;
use byway_route_finder::RouteFinder;
use byway_service_kit::{Service, nearest};
use byway_setup_node::SetupNode;
use byway_transport_discovery::TransportDiscovery;

/// Something that is done with one service, whichever it is.
pub(crate) trait Visit {
    type Output;

    fn visit<S: Service>(self) -> Self::Output;
}

/// The one table of services.
macro_rules! services {
    ($($service:ty),+ $(,)?) => {
        pub(crate) const NAMES: &[&str] = &[$(<$service>::NAME),+];

        /// Does it with the service of that name.
        ///
        /// # Errors
        /// [`Code::Usage`] if there is none.
        pub(crate) fn with<V: Visit>(name: &str, visit: V) -> Result<V::Output, Problem> {
            $(if name == <$service>::NAME {
                return Ok(visit.visit::<$service>());
            })+
            Err(unknown(name))
        }
    };
}

services! {
    NodeService,
    TransportDiscovery,
    RouteFinder,
    SetupNode,
    MessagingDiscovery,
    MessagingServer,
}

/// There is no service of that name.
pub(crate) fn unknown(name: &str) -> Problem {
    let why = format!("'{name}' is none of {}", NAMES.join(", "));
    let problem = Problem::new(Code::Usage, "cannot find the service", why);
    match nearest(name, NAMES.iter().copied()) {
        Some(nearest) => problem.with_hint(format!("did you mean `{nearest}`?")),
        None => problem.with_hint("see `byway service --help`"),
    }
}
