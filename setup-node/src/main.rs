//! The setup node's executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    byway_service_kit::run_service::<byway_setup_node::SetupNode>(std::env::args_os())
}
