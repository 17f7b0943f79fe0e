//! The tree of commands. Each command's own arguments stand in its file.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{
    commands::{
        admin::AdminArgs, completion::CompletionArgs, config::ConfigArgs, connect::ConnectArgs,
        explain::ExplainArgs, expose::ExposeArgs, health::HealthArgs, key::KeyArgs, man::ManArgs,
        network::NetworkArgs, path::PathArgs, ping::PingArgs, proxy::ProxyArgs, routes::RoutesArgs,
        service::ServiceArgs, trace::TraceArgs, transports::TransportsArgs, up::UpArgs, wait::WaitArgs,
    },
    demo::DemoArgs,
    output::Format,
};

const AFTER_HELP: &str = "\
A PEER is a public key in any form, a petname of the node, or a unique prefix of a key that it knows.
A policy is written in the path language, for example
  hops>=2 hops<=4 disjoint=3 stripe=2 via=n1 avoid=n3 types=tcp,quic types=!messaging prefer=latency
Exit codes: 0 ok, 1 negative answer, 2 usage, 3 configuration, 4 node or control plane unreachable, 5 denied,
6 no path, 7 timeout, 130 interrupted. `byway explain CODE` tells about an error code.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "byway",
    version,
    about = "A private overlay network whose users choose their own paths.",
    after_help = AFTER_HELP,
    disable_help_subcommand = false
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// The node's socket; by default `node.sock` in the node's data directory.
    #[arg(long, global = true, value_name = "PATH", env = "BYWAY_SOCKET")]
    pub socket: Option<PathBuf>,
    /// How to print data. Problems go to standard error, as JSON too unless this is `table`.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "table")]
    pub output: Format,
    /// No colour, also on a terminal. The variable NO_COLOR does the same.
    #[arg(long, global = true)]
    pub no_color: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs a node in the foreground.
    Up(UpArgs),
    /// Shows how the node does, on one screen. Exit code 1 if it lacks something.
    Status,
    /// Examines the node part by part and says what to try. Exit code 1 if something does not work.
    Doctor,
    /// Shows the node's public key.
    Whoami,
    /// Waits until the node is ready.
    Wait(WaitArgs),
    /// Measures the round-trip time to a node and names the path.
    Ping(PingArgs),
    /// Measures a route hop by hop and names the hop where it is broken. Exit code 1 if it is.
    Trace(TraceArgs),
    /// Shows candidate paths to a node.
    Path(PathArgs),
    /// Lists, opens and closes transports.
    Transports(TransportsArgs),
    /// Lists the node's sessions and the routes over it.
    Routes(RoutesArgs),
    /// Opens a port of the overlay that leads to a local app.
    Expose(ExposeArgs),
    /// Opens a local port that leads to an app on the overlay.
    Connect(ConnectArgs),
    /// Runs a SOCKS5 proxy for names that end in `.byway`.
    Proxy(ProxyArgs),
    /// Shows, makes and converts keys. Never prints a secret.
    Key(KeyArgs),
    /// Checks or shows the settings of a service.
    Config(ConfigArgs),
    /// Tells about an error code, or lists all of them.
    Explain(ExplainArgs),
    /// Runs a service of the network.
    Service(ServiceArgs),
    /// Asks a service how it does. Exit code 1 if it is not ready.
    Health(HealthArgs),
    /// Shows what a service's admin listener knows: its audit log, its clients.
    Admin(AdminArgs),
    /// Prepares the services of a network.
    Network(NetworkArgs),
    /// Starts a whole network in this process and shows what it does.
    Demo(DemoArgs),
    /// Prints a completion script for a shell.
    Completion(CompletionArgs),
    /// Prints the manual page, or writes those of all commands.
    Man(ManArgs),
    /// Prints the version.
    Version,
}

/// How to choose a path.
#[derive(Debug, Clone, Default, Args)]
pub struct ChoiceArgs {
    /// What the path must and should be, in the path language; keys may be petnames.
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<String>,
    /// Exactly these transports first, in order. With a policy, that is for spares; without one there are none.
    #[arg(long, value_name = "ID,ID,…")]
    pub path: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_tree_of_commands_is_sound_and_every_command_says_what_it_does() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            assert!(sub.get_about().is_some(), "{}", sub.get_name());
        }
    }
}
