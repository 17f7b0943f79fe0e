//! Nodes at homes, behind routers that translate addresses: the profile `demo`.

use std::{process::Command, thread};

use super::{SOON, TRANSFERRED, under_way};
use crate::{
    command::{Failure, run, until},
    network::Network,
};

/// Bytes of the download, and bytes per second, so that it goes on while a hop is killed.
const DOWNLOAD: (&str, &str) = ("40000000", "4000000");

pub(super) fn homes(network: &Network) -> Result<(), Failure> {
    network.up_profile("demo", Some("alice-router"))?;
    for node in ["n1", "n2", "alice", "bob"] {
        network.healthy(node)?;
    }
    until("bob's page", SOON, || {
        let page = get(network, "http://bob.byway/", &[])?;
        let hello = page.contains("Hello from bob");
        hello.then_some(()).ok_or_else(|| Failure::new("read bob's page", page))
    })?;
    at_home(network)?;
    thread::scope(|scope| {
        let (count, rate) = DOWNLOAD;
        let url = format!("http://bob.byway/bytes/{count}");
        let download = scope.spawn(move || {
            get(
                network,
                &url,
                &["--limit-rate", rate, "--output", "/dev/null", "--write-out", "%{size_download}"],
            )
        });
        let routes = || {
            let text = network.exec("alice", &["/usr/bin/byway", "routes", "--output", "json"])?;
            serde_json::from_str(&text).map_err(|error| Failure::new(format_args!("read {text}"), error))
        };
        let killed = under_way(routes).and_then(|()| network.kill("n1"));
        let came = download.join().map_err(|_| Failure::new("download", "it panicked"))??;
        killed?;
        if came.trim() == count { Ok(()) } else { Err(Failure::new("download everything", came)) }
    })
}

/// What n1 sees of alice and bob are their routers.
fn at_home(network: &Network) -> Result<(), Failure> {
    let seen = network.exec("n1", &["/usr/bin/byway", "transports", "--output", "json"])?;
    for router in ["alice-router", "bob-router"] {
        let format =
            format!("{{{{(index .NetworkSettings.Networks {:?}).IPAddress}}}}", network.named("network"));
        let address = network.docker(&["inspect", "--format", &format, &network.container(router)?])?;
        if !seen.contains(&format!("\"{}:", address.trim())) {
            return Err(Failure::new(format_args!("see {router}'s address {}", address.trim()), seen));
        }
    }
    Ok(())
}

fn get(network: &Network, url: &str, words: &[&str]) -> Result<String, Failure> {
    let proxy = format!("socks5h://{}", network.proxy());
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--max-time", "150", "--proxy", &proxy]).args(words);
    run(curl.arg(url), TRANSFERRED)
}
