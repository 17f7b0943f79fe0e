//! What a switch holds and lets pass, and what it counts.

use byway_base::limits::{
    MESSAGING_CLIENT_QUEUE, MESSAGING_CLIENTS, MESSAGING_LINK_QUEUE, MESSAGING_LINK_WAITING, MESSAGING_LINKS,
};

use crate::rate::Rate;

/// Bytes that all queues together hold unless configured otherwise: what a server can lose to clients that stopped
/// reading.
const QUEUES: usize = 256 * 1024 * 1024;

/// What a switch holds and lets pass.
#[derive(Debug, Clone, Copy)]
pub struct SwitchLimits {
    /// Clients connected at once.
    pub clients: usize,
    /// Links with other servers at once: so many that it dialled, and so many that were dialled by others.
    pub links: usize,
    /// Bytes queued towards one client.
    pub client_queue: usize,
    /// Bytes queued towards one other server.
    pub link_queue: usize,
    /// The same while that server is being dialled.
    pub link_waiting: usize,
    /// Bytes queued in all. The fuller they are, the less each client may have: what is left is the limit of each.
    pub queues: usize,
    /// What one client may send.
    pub client_rate: Option<Rate>,
    /// What one other server may carry here.
    pub link_rate: Option<Rate>,
    /// What all clients and servers together may send.
    pub server_rate: Option<Rate>,
}

impl Default for SwitchLimits {
    /// [`MESSAGING_CLIENTS`], [`MESSAGING_LINKS`], [`MESSAGING_CLIENT_QUEUE`], [`MESSAGING_LINK_QUEUE`],
    /// [`MESSAGING_LINK_WAITING`], 256 MiB in all, no rates.
    fn default() -> Self {
        Self {
            clients: MESSAGING_CLIENTS,
            links: MESSAGING_LINKS,
            client_queue: MESSAGING_CLIENT_QUEUE,
            link_queue: MESSAGING_LINK_QUEUE,
            link_waiting: MESSAGING_LINK_WAITING,
            queues: QUEUES,
            client_rate: None,
            link_rate: None,
            server_rate: None,
        }
    }
}

/// What the switch did since it began. Bytes are payload bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams of clients put into another client's queue.
    pub switched: u64,
    /// Their bytes.
    pub switched_bytes: u64,
    /// Datagrams of clients put into the queue towards another server.
    pub carried: u64,
    /// Their bytes.
    pub carried_bytes: u64,
    /// Datagrams that other servers carried here, put into a client's queue.
    pub delivered: u64,
    /// Their bytes.
    pub delivered_bytes: u64,
    /// Datagrams dropped because a queue was full.
    pub dropped_queue: u64,
    /// Datagrams dropped because a rate was exceeded.
    pub dropped_rate: u64,
    /// Datagrams dropped because the destination is not here.
    pub dropped_gone: u64,
    /// Datagrams dropped because the destination's server is not reached.
    pub dropped_link: u64,
    /// Frames without payload dropped because their receiver does not read, or because nothing was asked.
    pub dropped_control: u64,
}
