//! Why a command ends before its end.

use byway_base::Problem;

/// Why a command ends early.
#[derive(Debug)]
pub enum Stop {
    /// Something failed; the user is told.
    Problem(Problem),
    /// Nobody reads the output any more, as after `| head`.
    Unheard,
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}
