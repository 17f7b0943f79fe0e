//! How a problem is shown.

use byway_base::Problem;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::{Kind, Setting};

/// For whom output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// A person.
    #[default]
    Human,
    /// A program: one JSON object a line.
    Json,
}

impl Setting for OutputFormat {
    const KIND: Kind = Kind::Text;
}

/// The JSON form. Fields are added, never changed.
#[derive(Serialize)]
struct Envelope<'a> {
    version: u32,
    error: &'a Problem,
}

/// A problem's four parts, without a line break at the end: four lines for a person, one JSON object for a program.
#[must_use]
pub fn render_problem(problem: &Problem, format: OutputFormat) -> String {
    match format {
        OutputFormat::Json => serde_json::to_string(&Envelope { version: 1, error: problem })
            .expect("a problem is made of texts"),
        OutputFormat::Human => {
            // What a peer or a file put into a text must not move the cursor or fake another line.
            let plain = |text: &str| text.replace(char::is_control, " ");
            format!(
                "error: {}\n  why: {}\n  try: {}\n  code: {}",
                plain(&problem.what),
                plain(&problem.why),
                plain(&problem.hint),
                problem.code
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use byway_base::Code;

    use super::*;

    #[test]
    fn a_person_sees_four_parts_on_four_lines() {
        let problem = Problem::new(Code::NoPath, "cannot dial bob:80", "no transport\nleads to bob");
        let text = render_problem(&problem, OutputFormat::Human);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "error: cannot dial bob:80");
        assert_eq!(lines[1], "  why: no transport leads to bob");
        assert!(lines[2].starts_with("  try: run `byway path show"));
        assert_eq!(lines[3], "  code: BW-NO-PATH");
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn a_program_gets_one_line_of_json_that_reads_back() {
        let problem = Problem::new(Code::Timeout, "a", "b");
        let text = render_problem(&problem, OutputFormat::Json);
        assert!(!text.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::from_value::<Problem>(value["error"].clone()).unwrap(), problem);
        assert_eq!(value["version"], 1);
    }
}
