//! The file behind the list of routes: one JSON line per change, rewritten when it has grown.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use byway_base::{
    Code, Problem, RouteId,
    limits::{HOPS_MAX, SETUP_ROUTES_KNOWN},
};
use serde::{Deserialize, Serialize};

use super::Route;

/// Bytes of one line: the longest path fits, and a file that is no journal does not fill the memory.
const LINE_MAX: u64 = 512 + 256 * HOPS_MAX as u64;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    Installed(Route),
    Removed(RouteId),
}

/// [`Change::Installed`] without owning the route.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum ChangeRef<'a> {
    Installed(&'a Route),
}

/// The open file. It survives the death of the process at any moment; what the operating system had not yet put on the
/// disk may be lost with the machine.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
    torn: bool,
}

impl Journal {
    /// Opens `routes.jsonl` in `directory` and hands every change in it to `each`, the oldest first. Lines that are no
    /// changes, such as the torn last line of a full disk, are passed over.
    pub(super) fn open(directory: &Path, each: impl FnMut(Change)) -> Result<Self, Problem> {
        let path = directory.join("routes.jsonl");
        let open = || {
            fs::create_dir_all(directory)?;
            let file = options().append(true).read(true).open(&path)?;
            read(&file, each)?;
            Ok(file)
        };
        let file = open().map_err(|error| problem(&path, &error))?;
        Ok(Self { path, file, lines: 0, torn: false })
    }

    /// Adds changes. They are with the operating system when this returns.
    pub(super) fn append(&mut self, changes: &[Change]) -> Result<(), Problem> {
        // A line that was cut off by a full disk must not spoil the next one.
        let mut lines = if self.torn { vec![b'\n'] } else { Vec::new() };
        for change in changes {
            serde_json::to_writer(&mut lines, change).map_err(|error| problem(&self.path, &error.into()))?;
            lines.push(b'\n');
        }
        let written = self.file.write_all(&lines);
        self.torn = written.is_err();
        written.map_err(|error| problem(&self.path, &error))?;
        self.lines += changes.len();
        Ok(())
    }

    /// Whether it has more lines than could be of use.
    pub(super) const fn is_long(&self) -> bool {
        self.lines > 2 * SETUP_ROUTES_KNOWN
    }

    /// Replaces the file by one that has only `routes`.
    pub(super) fn compact<'a>(&mut self, routes: impl Iterator<Item = &'a Route>) -> Result<(), Problem> {
        let (file, lines) = rewrite(&self.path, routes).map_err(|error| problem(&self.path, &error))?;
        (self.file, self.lines, self.torn) = (file, lines, false);
        Ok(())
    }
}

fn read(file: &File, mut each: impl FnMut(Change)) -> io::Result<()> {
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let mut unreadable = 0_u64;
    while io::Read::take(&mut reader, LINE_MAX).read_until(b'\n', &mut line)? > 0 {
        match serde_json::from_slice(&line) {
            Ok(change) => each(change),
            Err(_) => unreadable += 1,
        }
        line.clear();
    }
    if unreadable > 0 {
        tracing::warn!(lines = unreadable, "passed over lines of the route journal that are not readable");
    }
    Ok(())
}

/// Writes beside the old file and takes its name, so that there is a whole file at every moment.
fn rewrite<'a>(path: &Path, routes: impl Iterator<Item = &'a Route>) -> io::Result<(File, usize)> {
    let beside = path.with_extension("jsonl.new");
    let mut file = BufWriter::new(options().write(true).truncate(true).open(&beside)?);
    let mut lines = 0;
    for route in routes {
        serde_json::to_writer(&mut file, &ChangeRef::Installed(route))?;
        file.write_all(b"\n")?;
        lines += 1;
    }
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    Ok((file, lines))
}

/// Who talks to whom is nobody else's business.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

fn problem(path: &Path, error: &io::Error) -> Problem {
    Problem::new(Code::File, format!("cannot keep the list of routes in {}", path.display()), error)
}
