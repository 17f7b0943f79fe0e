//! The messaging server's executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    byway_service_kit::run_service::<byway_messaging_server::MessagingServer>(std::env::args_os())
}
