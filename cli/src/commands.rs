//! One file for each command.

pub(crate) mod admin;
pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod connect;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod expose;
pub(crate) mod health;
pub(crate) mod key;
pub(crate) mod man;
mod names;
pub(crate) mod network;
pub(crate) mod path;
pub(crate) mod ping;
pub(crate) mod proxy;
pub(crate) mod routes;
pub(crate) mod service;
pub(crate) mod status;
pub(crate) mod trace;
pub(crate) mod transports;
pub(crate) mod up;
pub(crate) mod version;
pub(crate) mod wait;
mod watch;
pub(crate) mod whoami;
