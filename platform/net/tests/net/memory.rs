//! A network in memory: every address has an inbox of so many packets, and a sender waits while one is full.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use byway_net::virtual_path::{PathFull, RecvBatch, VirtualPath};

#[derive(Debug)]
pub(crate) struct Network {
    inbox_packets: usize,
    /// Every so manieth packet is dropped.
    drop_every: Option<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    offered: u64,
    /// So many of the next packets are lost, as when a route breaks.
    doomed: u64,
    ports: BTreeMap<SocketAddr, Port>,
}

#[derive(Debug, Default)]
struct Port {
    inbox: VecDeque<(SocketAddr, Box<[u8]>)>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// The inbox that had no room; while it is full this port is not writable.
    refused_by: Option<SocketAddr>,
    blocked: bool,
    /// How often the endpoint had to wait for room.
    waits: u64,
}

/// One address of a [`Network`].
#[derive(Debug)]
pub(crate) struct MemoryPath {
    network: Arc<Network>,
    address: SocketAddr,
}

impl Network {
    pub(crate) fn new(inbox_packets: usize, drop_every: Option<u64>) -> Arc<Self> {
        Arc::new(Self { inbox_packets, drop_every, state: Mutex::default() })
    }

    pub(crate) fn path(self: &Arc<Self>, address: SocketAddr) -> Arc<MemoryPath> {
        self.lock().ports.entry(address).or_default();
        Arc::new(MemoryPath { network: self.clone(), address })
    }

    /// While blocked, `address` can send nothing.
    pub(crate) fn block(&self, address: SocketAddr, blocked: bool) {
        let mut state = self.lock();
        let port = state.ports.get_mut(&address).unwrap();
        port.blocked = blocked;
        let waker = if blocked { None } else { port.writer.take() };
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Loses the next `packets`, whoever sends them.
    pub(crate) fn lose_next(&self, packets: u64) {
        self.lock().doomed = packets;
    }

    /// How many packets are still to be lost.
    pub(crate) fn doomed(&self) -> u64 {
        self.lock().doomed
    }

    /// How often the endpoint of `address` had to wait for room.
    pub(crate) fn waits(&self, address: SocketAddr) -> u64 {
        self.lock().ports[&address].waits
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Whether `address` would be refused because of what refused it last.
    fn full(&self, state: &State, address: SocketAddr) -> bool {
        let port = &state.ports[&address];
        let held = |to| state.ports.get(to).is_some_and(|port: &Port| port.inbox.len() >= self.inbox_packets);
        port.blocked || port.refused_by.as_ref().is_some_and(held)
    }
}

impl VirtualPath for MemoryPath {
    fn try_send(&self, to: SocketAddr, packet: &[u8]) -> Result<(), PathFull> {
        let network = &*self.network;
        let mut state = network.lock();
        let from = state.ports.get_mut(&self.address).unwrap();
        from.refused_by = Some(to);
        if network.full(&state, self.address) {
            return Err(PathFull);
        }
        state.offered += 1;
        if network.drop_every.is_some_and(|every| state.offered.is_multiple_of(every)) {
            return Ok(());
        }
        if let Some(doomed) = state.doomed.checked_sub(1) {
            state.doomed = doomed;
            return Ok(());
        }
        let Some(port) = state.ports.get_mut(&to) else { return Ok(()) };
        port.inbox.push_back((self.address, packet.into()));
        let waker = port.reader.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.network.lock();
        if !self.network.full(&state, self.address) {
            return Poll::Ready(());
        }
        let port = state.ports.get_mut(&self.address).unwrap();
        port.waits += 1;
        port.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_recv(&self, cx: &mut Context<'_>, batch: &mut RecvBatch<'_, '_>) -> Poll<()> {
        let mut state = self.network.lock();
        let port = state.ports.get_mut(&self.address).unwrap();
        if port.inbox.is_empty() {
            port.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        while batch.has_room() {
            let Some((from, packet)) = port.inbox.pop_front() else { break };
            batch.push(from, &packet);
        }
        let unblocked = state.ports.values_mut().filter(|port| !port.blocked);
        let writers: Vec<Waker> = unblocked.filter_map(|port| port.writer.take()).collect();
        drop(state);
        writers.into_iter().for_each(Waker::wake);
        Poll::Ready(())
    }
}
