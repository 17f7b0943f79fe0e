//! The named steps and their order.

use std::fmt;

/// A step of the saga. Within one, all nodes are asked in parallel; the next begins when all have agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The request is signed by the caller and by the path's first node, fresh, and about this path. Asks nobody.
    Check,
    /// Every node but the source gets its rules. Undone by [`Step::Undo`].
    Install,
    /// Something failed: every node that was asked gives back what it holds.
    Undo,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 3] = [Self::Check, Self::Install, Self::Undo];
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Check => "check",
            Self::Install => "install",
            Self::Undo => "undo",
        })
    }
}
