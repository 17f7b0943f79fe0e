//! The node's executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    byway_service_kit::run_service::<byway_node::NodeService>(std::env::args_os())
}
