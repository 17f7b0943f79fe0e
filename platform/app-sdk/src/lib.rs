//! How a program listens and dials through a node.
//!
//! A node serves its local API, HTTP and JSON, on a unix socket (see [`byway_api::local`]). [`LocalNode`] calls it;
//! [`LocalNode::dial`] and [`LocalNode::listen`] give byte streams to and from apps anywhere on the overlay;
//! [`LocalNode::dial_datagrams`] and [`LocalNode::listen_datagrams`] give [`Datagrams`].
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use byway_api::local::DialRequest;
//! use byway_app_sdk::LocalNode;
//! use byway_base::Port;
//! use tokio::io::AsyncWriteExt;
//!
//! let node = LocalNode::connect("/run/byway/node.sock").await?;
//! let policy = Some("hops>=2 prefer=latency".to_owned());
//! let (mut stream, routes) = node.dial(DialRequest { peer: "bob".into(), port: Port(80), policy, path: None }).await?;
//! println!("over {} hops", routes[0].hops.len());
//! stream.write_all(b"hello").await?;
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]

mod call;
mod channel;
mod connection;
mod datagrams;
mod dial;
mod events;
mod listener;
mod node;
mod reply;
mod sse;
mod stream;
mod target;

pub use channel::Channel;
pub use datagrams::Datagrams;
pub use events::Events;
pub use listener::Listener;
pub use node::LocalNode;
pub use stream::Stream;
