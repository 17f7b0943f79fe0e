//! Colour, where it can be seen. It never carries a meaning that the words do not.

use std::{env, io::IsTerminal};

/// Whether to colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// Colours if standard output is a terminal and neither the user nor `NO_COLOR` forbids it.
    #[must_use]
    pub fn for_stdout(forbidden: bool) -> Self {
        let forbidden = forbidden || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { on: !forbidden && std::io::stdout().is_terminal() }
    }

    /// Something is as it should be.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Something is not.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    /// What matters less.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// What matters more.
    #[must_use]
    pub fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
