//! A route request turned into installed rules, or undone: a saga of named steps.
//!
//! Two pure halves, which know each other only through the messages of [`byway_wire::setup`]:
//!
//! - [`Saga`] is the setup node's half. It takes one signed route request through the steps `check → install`, asks every
//!   node but the source once and all in parallel, and after any failure undoes what it asked for.
//! - [`RuleBook`] is the half of every node of the path. It decides what a node obeys, and what it gives back by itself
//!   when the setup node falls silent.
//!
//! # Why one round is enough
//! Labels need not be asked for. The source draws its own and names it in its request; all others are drawn by the saga,
//! which so knows every rule before it asks anybody. A node refuses a label that its transport has in use or quiet; the
//! source then asks anew. With a hundred thousand rules on every transport of a path of three hops, that happens to one
//! route in 8 600.
//!
//! Nor does the order of installing matter, because nobody sends before all is installed. The source gets its own rule
//! with the answer that every other node has obeyed, and sends a packet at once. The destination may use the route from
//! that packet on ([`Effect::Install`]): it has crossed every node, so every node has its rules.
//!
//! # Why nothing is left behind
//! The saga alone could not promise it: it may die between any two messages. So rules are provisional until they are
//! used: a rule whose route no packet has passed when its lease ends vanishes. Over a route that is not whole nothing
//! passes, since neither end sends; hence half a route vanishes. The lease ([`byway_base::limits::ROUTE_LEASE`]) is
//! longer than the source waits for its answer, so that a whole route does not.
//!
//! # Who is believed
//! A setup node may be asked by anybody and is trusted by nodes to place labels, no more. The source takes only the
//! answer to what it asked, from whom it asked; the destination accepts only a request that is addressed to it, carries
//! the source's signature, is fresh and was not seen before. Intermediates never learn who the ends are.
#![warn(missing_docs)]

mod initiators;
mod rule_book;
mod saga;

pub use initiators::Initiators;
pub use rule_book::{Counts, Effect, InstalledRoute, Quotas, Refusal, RuleBook, Surroundings};
pub use saga::{Action, Asked, CallFailure, CallId, Outcome, Saga, Step};
