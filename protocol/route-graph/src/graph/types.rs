//! Names of transport types, counted, so that a transport holds two bytes instead of a text.

use std::collections::BTreeMap;

use byway_base::{TransportType, limits::GRAPH_TYPES};

use super::GraphError;

/// All type names in use and how many transports use each.
#[derive(Default)]
pub(super) struct Types {
    names: Vec<TransportType>,
    users: Vec<u32>,
    free: Vec<u16>,
    by_name: BTreeMap<TransportType, u16>,
}

const _: () = assert!(GRAPH_TYPES <= 1 << 16);

impl Types {
    pub(super) fn name(&self, kind: u16) -> &TransportType {
        &self.names[usize::from(kind)]
    }

    /// Every name by its number. A number that is out of use keeps the name it had last.
    pub(super) fn names(&self) -> &[TransportType] {
        &self.names
    }

    pub(super) fn check_room(&self, name: &TransportType) -> Result<(), GraphError> {
        let full = !self.by_name.contains_key(name) && self.by_name.len() >= GRAPH_TYPES;
        if full { Err(GraphError::Full { what: "transport types", limit: GRAPH_TYPES }) } else { Ok(()) }
    }

    /// Counts one more transport of a type.
    pub(super) fn hold(&mut self, name: &TransportType) -> u16 {
        let kind = match self.by_name.get(name) {
            Some(kind) => *kind,
            None => self.add(name),
        };
        self.users[usize::from(kind)] += 1;
        kind
    }

    /// Counts one transport less of a type.
    pub(super) fn release(&mut self, kind: u16) {
        let users = &mut self.users[usize::from(kind)];
        *users -= 1;
        if *users == 0 {
            self.by_name.remove(&self.names[usize::from(kind)]);
            self.free.push(kind);
        }
    }

    fn add(&mut self, name: &TransportType) -> u16 {
        let kind = match self.free.pop() {
            Some(kind) => {
                self.names[usize::from(kind)] = name.clone();
                kind
            }
            None => {
                self.names.push(name.clone());
                self.users.push(0);
                u16::try_from(self.names.len() - 1).expect("the limit on types is at most 2^16")
            }
        };
        self.by_name.insert(name.clone(), kind);
        kind
    }
}
