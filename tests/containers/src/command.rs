//! Commands with a deadline.

use std::{
    fmt::Display,
    io::Read,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How often a running command, or a state, is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Bytes of an output that a failure shows: the end of it.
const SHOWN: usize = 4_000;

/// What was tried, and why it failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {why}")]
pub(crate) struct Failure {
    what: String,
    why: String,
}

impl Failure {
    pub(crate) fn new(what: impl Display, why: impl Display) -> Self {
        Self { what: what.to_string(), why: why.to_string() }
    }

    pub(crate) fn during(self, step: &str) -> Self {
        Self { what: format!("see that {step}"), why: self.to_string() }
    }
}

/// Runs a command to its end and returns what it printed.
///
/// # Errors
/// If it does not start, does not end well, or not within the time; it is killed then.
pub(crate) fn run(command: &mut Command, within: Duration) -> Result<String, Failure> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let failed = |why: String| Failure::new(format!("run `{}`", words.join(" ")), why);
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| failed(error.to_string()))?;
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let deadline = Instant::now() + within;
    let status = loop {
        match child.try_wait().map_err(|error| failed(error.to_string()))? {
            Some(status) => break Some(status),
            None if Instant::now() >= deadline => break None,
            None => pause(LOOK_AGAIN),
        }
    };
    let Some(status) = status else {
        child.kill().and_then(|()| child.wait()).map_err(|error| failed(error.to_string()))?;
        return Err(failed(format!("it did not end within {within:?}")));
    };
    let (said, complained) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
    if status.success() {
        Ok(said)
    } else {
        Err(failed(format!("{status}\n{}{}", end(&said), end(&complained))))
    }
}

/// Reads to the end on a thread of its own, so that neither output fills up while the other is read.
fn drain(from: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = from.map(|mut from| from.read_to_end(&mut bytes));
        drop(read);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn end(text: &str) -> &str {
    let start = text.len().saturating_sub(SHOWN);
    (start..=text.len()).find_map(|at| text.get(at..)).unwrap_or_default()
}

/// Looks until `look` succeeds and returns what it found.
///
/// # Errors
/// After `within`, with why the last look did not find it.
pub(crate) fn until<T>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let deadline = Instant::now() + within;
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(why) if Instant::now() >= deadline => {
                return Err(Failure::new(format!("see {what} within {within:?}"), why));
            }
            Err(_) => pause(LOOK_AGAIN),
        }
    }
}

/// Lets time pass.
#[expect(clippy::disallowed_methods, reason = "between two looks at a state, and to slow a transfer down")]
pub(crate) fn pause(time: Duration) {
    thread::sleep(time);
}
