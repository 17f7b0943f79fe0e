//! Messaging discovery's executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    byway_service_kit::run_service::<byway_messaging_discovery::MessagingDiscovery>(std::env::args_os())
}
