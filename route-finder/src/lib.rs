//! Answers path queries from a mirror of the transport graph.
//!
//! | file | does |
//! |---|---|
//! | `config`, `service` | configured, bound, served |
//! | `follow` | keeps the mirror: snapshot, then the change stream of transport discovery |
//! | `mirror` | the graph, and that nothing enters it which both edges did not sign |
//! | `latest` | what the mirror published last, and how current it is |
//! | `api` | the endpoints |
//! | `answer`, `policy_fit` | one query answered on one view of the graph |
//! | `searches` | the bounded workers that queries run on |
//!
//! The service keeps nothing on disk but its key: a fresh replica is ready when its mirror is.

mod answer;
mod api;
mod config;
mod follow;
mod latest;
mod mirror;
mod policy_fit;
mod searches;
mod service;
mod tally;

pub use config::{Config, RawConfig};
pub use latest::Mirrored;
pub use service::RouteFinder;
