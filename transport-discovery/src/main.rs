//! Transport discovery's executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    byway_service_kit::run_service::<byway_transport_discovery::TransportDiscovery>(std::env::args_os())
}
