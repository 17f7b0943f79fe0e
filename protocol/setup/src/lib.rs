//! A route request turned into installed rules, or undone: a saga of named steps.
//!
//! Two pure halves, which know each other only through the messages of [`byway_wire::setup`]:
//!
//! - [`Saga`] is the setup node's half. It takes one signed route request through the steps
//!   `check → reserve → install → confirm` and, after any failure, undoes what it asked for.
//! - [`RuleBook`] is the half of every node of the path. It decides what a node obeys, and what it gives back by itself
//!   when the setup node falls silent.
//!
//! # Why nothing is left behind
//! The saga alone could not promise it: it may die between any two messages. So a node never holds anything for a setup
//! node without a lease. A reservation, and the rules installed from it, vanish at the end of the lease unless they are
//! confirmed. Confirming cannot be atomic across nodes either: a setup node that dies in the middle of it leaves some
//! nodes confirmed. Therefore a confirmed rule is kept only if a packet of its route has passed by the end of one
//! further lease. The source sends such a packet as soon as it is told that the route stands, and it is told so only
//! after every node has confirmed. Half a route carries nothing, hence it vanishes.
//!
//! # Who is believed
//! A setup node may be asked by anybody and is trusted by nodes to place labels, no more. The source accepts only a
//! request that it signed and awaits, over the first transport that it chose; the destination accepts only a request
//! that is addressed to it, carries the source's signature, is fresh and was not seen before. Intermediates never learn
//! who the ends are.
#![warn(missing_docs)]

mod initiators;
mod rule_book;
mod saga;

pub use initiators::Initiators;
pub use rule_book::{Counts, Effect, End, InstalledRoute, Quotas, Refusal, RuleBook, Side, Surroundings};
pub use saga::{Action, CallFailure, CallId, Outcome, Saga, Step};
