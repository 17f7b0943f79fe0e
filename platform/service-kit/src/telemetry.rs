//! The process's log, on standard error.

use std::io::{IsTerminal, stderr};

use byway_base::{Code, Problem};
use tracing_subscriber::EnvFilter;

use crate::OutputFormat;

/// Starts logging to standard error. `level` is a level or directives by module (`info,byway_routing=debug`). Colours
/// are used on a terminal only, and not if `NO_COLOR` is set. If the process logs already, that stays as it is, so
/// that several services can start in one process.
///
/// # Errors
/// [`Code::Config`] if `level` does not parse.
pub fn init(level: &str, format: OutputFormat) -> Result<(), Problem> {
    let filter = filter(level)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // An error says that the process logs already, which is what was asked for.
    let _ = match format {
        OutputFormat::Human => log.with_ansi(is_coloured()).try_init(),
        OutputFormat::Json => log.with_ansi(false).json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// Parses a level or directives by module.
pub(crate) fn filter(level: &str) -> Result<EnvFilter, Problem> {
    EnvFilter::builder().parse(level).map_err(|error| {
        Problem::new(Code::Config, format!("cannot use `log_level` = {level:?}"), error).with_hint(
            "use error, warn, info, debug or trace, or directives such as info,byway_routing=debug",
        )
    })
}

/// `NO_COLOR` counts if it is present and not empty (no-color.org).
fn is_coloured() -> bool {
    stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starting_twice_is_fine_and_a_bad_level_is_not() {
        assert_eq!(init("info", OutputFormat::Human), Ok(()));
        assert_eq!(init("debug,byway_routing=trace", OutputFormat::Json), Ok(()));
        let problem = init("byway=loud", OutputFormat::Human).unwrap_err();
        assert_eq!(problem.code, Code::Config);
        assert!(problem.what.contains("log_level"));
    }
}
