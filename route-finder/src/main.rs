//! The route finder's executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    byway_service_kit::run_service::<byway_route_finder::RouteFinder>(std::env::args_os())
}
