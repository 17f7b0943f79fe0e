//! `byway explain`: what an error code means. Needs no node.

use std::process::ExitCode;

use byway_base::{Code, Problem};
use byway_service_kit::nearest;
use clap::Args;
use serde::Serialize;

use crate::{
    output::{Output, Paint, Table},
    stop::Stop,
};

/// Which code.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The code, as in `BW-NO-PATH`; all of them if absent.
    code: Option<String>,
}

#[derive(Serialize)]
struct Explanation {
    code: Code,
    meaning: &'static str,
    #[serde(rename = "try")]
    hint: &'static str,
    exit_code: u8,
    http_status: u16,
}

impl From<Code> for Explanation {
    fn from(code: Code) -> Self {
        Self {
            code,
            meaning: code.meaning().trim(),
            hint: code.hint(),
            exit_code: code.exit_code(),
            http_status: code.http_status(),
        }
    }
}

pub(crate) fn run(args: ExplainArgs, out: Output) -> Result<ExitCode, Stop> {
    match args.code {
        Some(text) => {
            let explanation = Explanation::from(find(&text)?);
            out.one(&explanation, |paint| describe(&explanation, paint))?;
        }
        None => {
            let all: Vec<Explanation> = Code::ALL.iter().map(|code| Explanation::from(*code)).collect();
            out.list(&all, |paint| {
                let mut table = Table::new(["CODE", "EXIT", "MEANING"]);
                for each in &all {
                    table.row([each.code.to_string(), each.exit_code.to_string(), each.meaning.to_owned()]);
                }
                table.render(paint)
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The code, with or without its prefix.
fn find(text: &str) -> Result<Code, Problem> {
    let upper = text.to_ascii_uppercase();
    let full = if upper.starts_with("BW-") { upper } else { format!("BW-{upper}") };
    full.parse().map_err(|_| {
        let problem =
            Problem::new(Code::Usage, format!("cannot explain '{text}'"), "there is no such error code");
        match nearest(&full, Code::ALL.iter().map(|code| code.as_str())) {
            Some(nearest) => problem.with_hint(format!("did you mean `byway explain {nearest}`?")),
            None => problem.with_hint("`byway explain` lists every code"),
        }
    })
}

fn describe(explanation: &Explanation, paint: Paint) -> String {
    format!(
        "{}\n  {}\n  try: {}\n  exit code {}, HTTP status {}\n",
        paint.strong(explanation.code.as_str()),
        explanation.meaning,
        explanation.hint,
        explanation.exit_code,
        explanation.http_status
    )
}
