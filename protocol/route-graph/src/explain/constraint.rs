//! What can exclude a path, how to lift it, and how to see that a path violates it.

use std::fmt;

use byway_base::{Policy, PublicKey, TransportId, TransportType};

use crate::{Csr, FoundPath, Query, search::Relaxed};

/// What excludes a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// It has fewer hops than `hops>=` asks for.
    HopsMin(usize),
    /// It has more hops than `hops<=` allows.
    HopsMax(usize),
    /// It does not cross this node, or not in the order of `via`.
    Via(PublicKey),
    /// It crosses a node of `avoid`.
    Avoid(PublicKey),
    /// It crosses a transport of a type that `types` does not allow.
    Type(TransportType),
    /// It crosses a node that refuses transit.
    NoTransit(PublicKey),
    /// It crosses a transport that is down.
    Down(TransportId),
}

/// The constraints that are lifted one at a time. Those that name something are lifted for all that they name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    HopsMin,
    HopsMax,
    Via,
    Avoid,
    Types,
    NoTransit,
    Down,
}

impl Constraint {
    pub(super) fn is_like(&self, class: Class) -> bool {
        class
            == match self {
                Self::HopsMin(_) => Class::HopsMin,
                Self::HopsMax(_) => Class::HopsMax,
                Self::Via(_) => Class::Via,
                Self::Avoid(_) => Class::Avoid,
                Self::Type(_) => Class::Types,
                Self::NoTransit(_) => Class::NoTransit,
                Self::Down(_) => Class::Down,
            }
    }

    /// Every constraint of the query and the graph that `path` violates.
    pub(super) fn violated(csr: &Csr, query: &Query, path: &FoundPath) -> Vec<Self> {
        let policy = &query.policy;
        let intermediates: Vec<PublicKey> = path.intermediates().collect();
        let mut violated = Vec::new();
        if path.hops.len() < policy.hops_least() {
            violated.push(Self::HopsMin(policy.hops_least()));
        }
        if path.hops.len() > policy.hops_most() {
            violated.push(Self::HopsMax(policy.hops_most()));
        }
        let mut rest = intermediates.iter();
        violated
            .extend(policy.via.iter().filter(|via| !rest.any(|key| key == *via)).map(|via| Self::Via(*via)));
        for key in &intermediates {
            if policy.avoid.contains(key) {
                violated.push(Self::Avoid(*key));
            }
            if csr.node(key).is_some_and(|node| csr.refuses_transit(node)) {
                violated.push(Self::NoTransit(*key));
            }
        }
        for hop in &path.hops {
            let barred = Self::Type(hop.kind.clone());
            if !policy.allows_type(&hop.kind) && !violated.contains(&barred) {
                violated.push(barred);
            }
            let usable = csr.node(&hop.from).is_some_and(|node| {
                csr.steps(csr.range(node, false)).any(|step| csr.id(step.transport) == hop.transport)
            });
            if !usable {
                violated.push(Self::Down(hop.transport));
            }
        }
        violated
    }
}

impl Class {
    pub(super) fn all() -> [Self; 7] {
        [Self::HopsMin, Self::HopsMax, Self::Via, Self::Avoid, Self::Types, Self::NoTransit, Self::Down]
    }

    /// Whether lifting it can change anything.
    pub(super) fn matters(self, policy: &Policy) -> bool {
        match self {
            Self::HopsMin => policy.hops_least() > 1,
            Self::HopsMax => policy.hops_max.is_some(),
            Self::Via => !policy.via.is_empty(),
            Self::Avoid => !policy.avoid.is_empty(),
            Self::Types => !policy.types.is_empty() || !policy.types_not.is_empty(),
            Self::NoTransit | Self::Down => true,
        }
    }

    /// The policy and the graph's rules without this constraint.
    pub(super) fn lift(self, policy: &Policy) -> (Policy, Relaxed) {
        let (mut policy, mut relaxed) = (policy.clone(), Relaxed::default());
        match self {
            Self::HopsMin => policy.hops_min = None,
            Self::HopsMax => policy.hops_max = None,
            Self::Via => policy.via.clear(),
            Self::Avoid => policy.avoid.clear(),
            Self::Types => {
                policy.types.clear();
                policy.types_not.clear();
            }
            Self::NoTransit => relaxed.refusals = true,
            Self::Down => relaxed.down = true,
        }
        (policy, relaxed)
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HopsMin(hops) => write!(f, "the policy asks for at least {hops} hops"),
            Self::HopsMax(hops) => write!(f, "the policy allows at most {hops} hops"),
            Self::Via(key) => write!(f, "the policy asks to cross {}", key.short()),
            Self::Avoid(key) => write!(f, "the policy avoids {}", key.short()),
            Self::Type(kind) => write!(f, "the policy does not allow transports of type {kind}"),
            Self::NoTransit(key) => write!(f, "{} refuses transit", key.short()),
            Self::Down(transport) => write!(f, "the transport {} is down", transport.short()),
        }
    }
}
