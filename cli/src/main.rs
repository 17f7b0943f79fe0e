//! The `byway` executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    byway_cli::run(std::env::args_os())
}
