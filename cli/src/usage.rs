//! Command lines that cannot be read, told like every other problem.

use std::{ffi::OsString, process::ExitCode};

use byway_base::{Code, Problem};
use byway_service_kit::{OutputFormat, nearest};
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::run::fail;

/// Prints what was asked for (help, version), or the problem with the arguments.
pub(crate) fn answer(error: &clap::Error, args: &[OsString]) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Nobody reads it: fine.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(Code::Usage.exit_code())
        }
        _ => fail(&problem(error), format(args)),
    }
}

fn problem(error: &clap::Error) -> Problem {
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let why = first.strip_prefix("error: ").unwrap_or(first).split_whitespace().collect::<Vec<_>>().join(" ");
    let problem = Problem::new(Code::Usage, "cannot read the command line", why);
    match suggestion(error).or_else(|| usage(&text)) {
        Some(hint) => problem.with_hint(hint),
        None => problem.with_hint("see `byway help`"),
    }
}

/// The nearest of the words that clap thinks similar to the one that was written.
fn suggestion(error: &clap::Error) -> Option<String> {
    const KINDS: [(ContextKind, ContextKind); 3] = [
        (ContextKind::SuggestedSubcommand, ContextKind::InvalidSubcommand),
        (ContextKind::SuggestedArg, ContextKind::InvalidArg),
        (ContextKind::SuggestedValue, ContextKind::InvalidValue),
    ];
    let (suggested, written) =
        KINDS.iter().find_map(|(suggested, written)| Some((error.get(*suggested)?, error.get(*written))))?;
    let words = match suggested {
        ContextValue::String(word) => std::slice::from_ref(word),
        ContextValue::Strings(words) => words,
        _ => return None,
    };
    let mut words = words.iter().map(String::as_str);
    let nearest = match written {
        Some(ContextValue::String(written)) => nearest(written, words.clone()),
        _ => None,
    };
    nearest.or_else(|| words.next_back()).map(|word| format!("did you mean `{word}`?"))
}

fn usage(text: &str) -> Option<String> {
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "))?;
    Some(format!("write `{}`", usage.trim()))
}

/// The output format that was asked for, as far as it can be told from arguments that cannot be read.
fn format(args: &[OsString]) -> OutputFormat {
    let json = |value: &str| value == "json" || value == "jsonl";
    let texts: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let after = texts.windows(2).any(|pair| pair[0] == "--output" && json(pair[1]));
    let joined = texts.iter().any(|text| text.strip_prefix("--output=").is_some_and(json));
    if after || joined { OutputFormat::Json } else { OutputFormat::Human }
}
