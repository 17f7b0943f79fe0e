//! The last lines that a process wrote to standard error.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader},
    process::ChildStderr,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::wait::until;

/// Lines kept; enough for a start and what went wrong after it.
const LINES: usize = 400;
/// Time for the rest of what an ended process wrote.
const REST: Duration = Duration::from_secs(10);

/// A ring of lines, filled by a thread for each start of the process.
#[derive(Debug, Default)]
pub(super) struct Log {
    lines: Arc<Mutex<VecDeque<String>>>,
    reader: Mutex<Option<JoinHandle<()>>>,
}

impl Log {
    /// Takes over the standard error of a start.
    pub(super) fn read(&self, from: ChildStderr) {
        let lines = self.lines.clone();
        let reader = thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                if lines.len() == LINES {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
        });
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(reader);
    }

    /// The lines by now.
    pub(super) fn text(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// All lines of a process that has ended.
    pub(super) async fn ended(&self) -> String {
        let done = async || {
            let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
            let over = reader.as_ref().is_none_or(JoinHandle::is_finished);
            over.then_some(()).ok_or("its standard error is still open")
        };
        until("end of the log", REST, done).await;
        self.text()
    }
}
