//! Runs the built executable.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

/// What a command left behind.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The command without any setting of whoever runs the tests.
pub(crate) fn byway(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_byway"));
    command.args(args).env_clear().env("HOME", home).current_dir(home).stdin(Stdio::null());
    command
}

pub(crate) fn run(home: &Path, args: &[&str]) -> Ended {
    let output = byway(home, args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Ended {
    /// The data, one JSON document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    /// The problem has four parts, this code and this exit code, and nothing went to standard output.
    #[track_caller]
    pub(crate) fn assert_problem(&self, code: &str, exit: i32) -> &Self {
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert_eq!(lines.len(), 4, "{}", self.stderr);
        for (line, part) in lines.iter().zip(["error: ", "  why: ", "  try: ", "  code: "]) {
            assert!(line.strip_prefix(part).is_some_and(|text| !text.is_empty()), "{}", self.stderr);
        }
        assert_eq!(lines[3], format!("  code: {code}"), "{}", self.stderr);
        assert_eq!((self.code, self.stdout.as_str()), (Some(exit), ""), "{}", self.stderr);
        self
    }

    /// Some part of the problem says this.
    #[track_caller]
    pub(crate) fn assert_says(&self, text: &str) {
        assert!(self.stderr.contains(text), "'{text}' is not in\n{}", self.stderr);
    }
}
