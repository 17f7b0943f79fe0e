//! What a person types while the demonstration runs.

use byway_base::{Code, Problem, PublicKey};
use byway_node::NodeEvent;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::broadcast::{Receiver, error::RecvError},
};

use super::{
    network::{NAMES, Network},
    prompt, say, show,
};

const HELP: &str = "kill NAME     end a node or a messaging server at once, as a crash would
status        what runs, and the routes of alice
quit          end the demonstration";

/// Obeys until `quit`, the end of the input, or Ctrl-C; tells what happens in between.
///
/// # Errors
/// If there is no alice to look at.
pub(super) async fn run(network: &mut Network) -> Result<(), Problem> {
    let missing = || Problem::new(Code::Internal, "cannot watch the network", "there is no alice");
    let mut events = network.node("alice").ok_or_else(missing)?.events();
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    loop {
        prompt();
        tokio::select! {
            line = lines.next_line() => match line {
                Ok(Some(line)) => if !obey(network, line.trim()) { return Ok(()) },
                Ok(None) | Err(_) => return Ok(()),
            },
            text = happened(&mut events, network) => say(&text),
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

/// False if the user has enough.
fn obey(network: &mut Network, line: &str) -> bool {
    match line.split_whitespace().collect::<Vec<_>>()[..] {
        [] => {}
        ["quit" | "exit" | "q"] => return false,
        ["status"] => say(&show::status(network)),
        ["kill", name] => kill(network, name),
        ["help" | "?"] => say(HELP),
        _ => say(&format!("'{line}' is none of the commands:\n{HELP}")),
    }
    true
}

fn kill(network: &mut Network, name: &str) {
    if name == "alice" {
        return say("alice is where you sit; kill another");
    }
    let server = network.services.messaging_servers.iter().find(|server| server.name == name);
    if let Some(server) = server {
        server.kill();
        say(&format!("{name} is gone"));
    } else if network.kill(name) {
        say(&format!("{name} is gone"));
    } else {
        let servers = network.services.messaging_servers.iter().map(|server| server.name.as_str());
        let names: Vec<&str> = NAMES.into_iter().skip(1).chain(servers).collect();
        say(&format!("there is no '{name}'; there are {}", names.join(", ")));
    }
}

/// Waits for something worth telling.
async fn happened(events: &mut Receiver<NodeEvent>, network: &Network) -> String {
    loop {
        match events.recv().await {
            Ok(NodeEvent::RouteSwitched { reason: Some(reason), at, .. }) => {
                let place = place(at, network);
                let routes = show::routes(network);
                return format!(
                    "alice left the route ({reason}{place}) and goes on over the spare\n{routes}"
                );
            }
            Ok(NodeEvent::RouteLost { reason, at, .. }) => {
                let place = place(at, network);
                return format!("the last route broke ({reason}{place}); alice looks for another");
            }
            Ok(NodeEvent::TransportDown { peer, why, .. }) => {
                return format!("alice lost her transport to {}: {why}", network.name(&peer));
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Where a route broke, if that is known.
fn place(at: Option<PublicKey>, network: &Network) -> String {
    at.map(|node| format!(", at {}", network.name(&node))).unwrap_or_default()
}
