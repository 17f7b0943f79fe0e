//! Relay switch and client of messaging, as state machines.
//!
//! Messaging carries datagrams between public keys through messaging servers, before there is any route. The server's
//! half is [`Switch`]: bytes in, bytes out, bounded and fair queues in between. The client's half is [`ClientCore`]:
//! which servers to stay connected to, and through which of them a peer is reached. Both are told the time and what
//! happened, and say what to do; sockets, clocks and tasks are the business of `byway-messaging-server` and
//! `byway-messaging-client`.
#![warn(missing_docs)]

mod client;
mod frames;
mod pulse;
mod rate;
mod recent;
mod switch;

pub use client::{ClientCore, Effect, LinkState, Origin, ServerInfo, ServerView, Unreachable, Way};
pub use frames::KeyMemo;
pub use pulse::{Beat, Pulse};
pub use rate::{Rate, SourceRates, TokenBucket};
pub use recent::Recent;
pub use switch::{Connected, Counters, Full, SessionId, Switch, SwitchLimits, Violation};
