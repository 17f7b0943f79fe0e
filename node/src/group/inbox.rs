//! What arrived over all routes of a group and was not handed on yet.

use std::collections::VecDeque;

use bytes::Bytes;
use byway_routing::RouteKey;

use super::Group;
use crate::dataplane::{Dataplane, Wakes};

/// Packets taken from a route at once.
const RECEIVE_BATCH: usize = 32;

/// Packets in the order in which they were taken; kept with what taking them needs, for its memory.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    pub(crate) packets: VecDeque<Bytes>,
    batch: Vec<Bytes>,
    keys: Vec<RouteKey>,
    wakes: Wakes,
}

impl Inbox {
    /// Takes what `receive`, one of the data half's methods, has from each route, up to a batch of it.
    pub(crate) fn fetch(
        &mut self,
        group: &Group,
        receive: fn(&Dataplane, RouteKey, usize, &mut Vec<Bytes>, &mut Wakes) -> bool,
    ) {
        let Self { packets, batch, keys, wakes } = self;
        keys.extend(group.routes.lock().keys());
        for key in keys.drain(..) {
            receive(&group.dataplane, key, RECEIVE_BATCH, batch, wakes);
            if !batch.is_empty() {
                group.received(key, batch.iter().map(Bytes::len).sum());
                packets.extend(batch.drain(..));
            }
        }
    }
}
