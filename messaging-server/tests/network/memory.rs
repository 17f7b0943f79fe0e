//! What an idle client costs the server's process.

use std::{fs, path::Path, process::Stdio, time::Duration};

use byway_base::PublicKey;
use byway_messaging_client::{ALPN_SERVER, ServerAddress};
use byway_net::{Expect, Identity, tcp};
use futures_util::future::join_all;
use tokio::process::{Child, Command};

use crate::support::{LONG, Raw, secret};

/// Clients connected before the first look, so that what is needed once is there.
const FIRST: u16 = 200;
/// Clients between the two looks.
const MORE: u16 = 1_000;
/// Bytes that one of them may cost.
const EACH: usize = 16 * 1024;

/// A server in a process of its own, killed at the end.
struct Process {
    child: Child,
    at: ServerAddress,
    _directory: tempfile::TempDir,
}

impl Process {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let announcement = directory.path().join("announcement");
        let child = Command::new(env!("CARGO_BIN_EXE_byway-messaging-server"))
            .arg("--set")
            .arg(format!("data_dir={}", directory.path().join("data").display()))
            .args(["--set", "listen=127.0.0.1:0", "--announce"])
            .arg(&announcement)
            // Variables of a test run are none of a service.
            .env_clear()
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let at = announced(&announcement).await;
        Self { child, at, _directory: directory }
    }

    /// Bytes of memory that are its own and in use.
    fn resident(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }
}

async fn announced(file: &Path) -> ServerAddress {
    let reading = async {
        loop {
            if let Ok(text) = fs::read_to_string(file)
                && let Ok(value) = serde_json::from_str::<serde_json::Value>(&text)
            {
                let key: PublicKey = value["key"].as_str().unwrap().parse().unwrap();
                let address = value["addresses"]["messaging"].as_str().unwrap().parse().unwrap();
                return ServerAddress { key, address };
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, reading).await.unwrap()
}

/// Connects as so many different keys, and waits until the server answered each.
async fn connect(at: ServerAddress, from: u16, count: u16) -> Vec<Raw> {
    let mut clients = Vec::new();
    let numbers: Vec<_> = (from..from + count).collect();
    for some in numbers.chunks(32) {
        let connecting = some.iter().map(|n| async move {
            let mut seed = *secret(0).expose_seed();
            seed[..2].copy_from_slice(&n.to_be_bytes());
            let identity = Identity::new(byway_base::SecretKey::from_seed(seed));
            let expect = Expect::Exactly(at.key);
            let connection = tcp::connect(at.address, &identity, expect, ALPN_SERVER, LONG).await.unwrap();
            Raw::over(connection).greeted().await
        });
        clients.extend(join_all(connecting).await);
    }
    clients
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_client_costs_no_more_than_sixteen_kilobytes() {
    let server = Process::start().await;
    let mut clients = connect(server.at, 1, FIRST).await;
    let before = server.resident();
    clients.extend(connect(server.at, 1 + FIRST, MORE).await);
    let each = server.resident().saturating_sub(before) / usize::from(MORE);
    println!("an idle client costs {each} bytes");
    assert!(each <= EACH, "each of {} clients costs {each} bytes", clients.len());
}
