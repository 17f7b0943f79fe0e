//! What is measured against what should be reached, row by row.

use serde::Serialize;
use serde_json::{Value, json};

use crate::{Options, report};

/// What must be reached, and what we want to be known for. Less is better where the aim is below the pass.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Target {
    pub(crate) pass: f64,
    pub(crate) aim: f64,
}

/// What others were measured to do, and what the task costs at best, on machines of the same kind, as texts.
#[derive(Debug, Clone, Copy, Serialize)]
struct Known {
    predecessor: &'static str,
    best_peer: &'static str,
    floor: &'static str,
}

/// One row: a measurement, what it is to be compared with from the same run, and its target.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    what: String,
    unit: &'static str,
    measured: f64,
    /// What the machine does without the overlay, or the overlay without the trouble.
    beside: Vec<(String, f64)>,
    target: Option<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<Known>,
}

impl Line {
    pub(crate) fn new(what: impl Into<String>, unit: &'static str, measured: f64) -> Self {
        Self { what: what.into(), unit, measured, beside: Vec::new(), target: None, known: None }
    }

    pub(crate) fn beside(mut self, what: impl Into<String>, measured: f64) -> Self {
        self.beside.push((what.into(), measured));
        self
    }

    pub(crate) const fn target(mut self, pass: f64, aim: f64) -> Self {
        self.target = Some(Target { pass, aim });
        self
    }

    /// What others were measured to do, and what the task costs at best; "–" for what is not known.
    pub(crate) const fn known(
        mut self,
        predecessor: &'static str,
        best_peer: &'static str,
        floor: &'static str,
    ) -> Self {
        self.known = Some(Known { predecessor, best_peer, floor });
        self
    }

    fn reached(&self) -> &'static str {
        let Some(Target { pass, aim }) = self.target else { return "" };
        let holds = |goal| if aim < pass { self.measured <= goal } else { self.measured >= goal };
        match (holds(aim), holds(pass)) {
            (true, _) => "aim",
            (false, true) => "pass",
            (false, false) => "missed",
        }
    }

    /// With a place for what is known, if any row has it.
    fn text(&self, with_known: bool) -> String {
        let (pass, aim) = self.target.map_or_else(Default::default, |t| (figure(t.pass), figure(t.aim)));
        let beside: Vec<_> = self.beside.iter().map(|(what, n)| format!("{what} {}", figure(*n))).collect();
        let known = self.known.map(|k| [k.predecessor, k.best_peer, k.floor]).unwrap_or_default();
        let known = if with_known { known_columns(known) } else { String::new() };
        format!(
            "{:<58} {:>9} {:<11} {known}{:>7} {:>7} {:<7} {}",
            self.what,
            figure(self.measured),
            self.unit,
            pass,
            aim,
            self.reached(),
            beside.join(" · "),
        )
    }
}

fn known_columns([predecessor, best_peer, floor]: [&str; 3]) -> String {
    format!("{predecessor:>11} {best_peer:<14} {floor:<19} ")
}

/// Three digits that count.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || value == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The rows as text, with a heading.
pub(crate) fn text(lines: &[Line]) -> Vec<String> {
    let with_known = lines.iter().any(|line| line.known.is_some());
    let known = ["predecessor", "best peer", "floor"];
    let known = if with_known { known_columns(known) } else { String::new() };
    let heading = format!(
        "{:<58} {:>9} {:<11} {known}{:>7} {:>7} {:<7} {}",
        "what", "measured", "unit", "pass", "aim", "reached", "beside, in the same run"
    );
    std::iter::once(heading).chain(lines.iter().map(|line| line.text(with_known))).collect()
}

/// The rows for programs.
pub(crate) fn values(lines: &[Line]) -> Value {
    let value = |line: &Line| {
        let mut value = json!(line);
        value["reached"] = json!(line.reached());
        value
    };
    lines.iter().map(value).collect()
}

/// Prints rows alone.
pub(crate) fn print(lines: &[Line], options: Options) -> anyhow::Result<()> {
    report::print(&text(lines), json!({ "targets": values(lines) }), options)
}
