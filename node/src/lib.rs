//! Forwards packets by rules and carries sessions; runs on every member of the overlay.
//!
//! [`Node`] is the whole of it in one process: programs embed it, the `node` service and the `byway` command wrap it.
//! The data half is `dataplane` and one `driver` per transport; everything else is the control half, which touches
//! the data half only through `Dataplane`'s methods.
#![warn(missing_docs)]

mod config;
mod datagrams;
mod dataplane;
mod dialer;
mod driver;
mod echo;
mod events;
mod exchange;
mod group;
mod groups;
mod inbound;
mod listeners;
mod local;
mod names;
mod node;
mod paths;
mod reporting;
mod service;
mod session;
mod setup;
mod stream;
mod telemetry;
mod trace;
mod transports;
mod traversal;
mod view;
mod volume;

pub use byway_base::DatagramError;
pub use config::{
    Config, ForwardingLimits, KeySource, PETNAME_FORM, RawConfig, RawForwarding, RawTraversal,
    ServiceAddress, TraversalConfig, Wanted, is_petname,
};
pub use datagrams::Datagrams;
pub use dialer::{HopInfo, PathChoice, RouteInfo};
pub use echo::{ECHO_PORT, Ping};
pub use events::NodeEvent;
pub use listeners::{Incoming, IncomingDatagrams, Listener};
pub use node::Node;
pub use service::NodeService;
pub use stream::OverlayStream;
pub use trace::{HopTrace, RouteEnd, Trace, TraceStep, TraceTarget, Verdict};
pub use view::{SessionInfo, TransportInfo};
pub use volume::{Period, VolumeCap, VolumeView};
