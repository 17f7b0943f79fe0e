//! Learns of messaging servers from the directory.

use std::sync::Arc;

use byway_base::{
    Code, Problem,
    limits::{HTTP_TIMEOUT, RECORD_RENEW},
};
use byway_clock::unix_now;
use byway_messaging::ServerInfo;
use byway_net::Backoff;
use tokio::time::{Instant, sleep_until, timeout};

use crate::{
    directory::Directory,
    hub::Hub,
    status::{Board, DIRECTORY},
};

/// Asks for the list of servers again and again: soon while no server is connected, else as often as records change.
pub(crate) async fn run(hub: Arc<Hub>, directory: Arc<dyn Directory>, board: Board) {
    let mut backoff = Backoff::default();
    loop {
        let problem = ask(&hub, directory.as_ref()).await.err();
        let failed = problem.is_some();
        board.set(DIRECTORY, problem.map(|problem| problem.while_doing("cannot list messaging servers")));
        hub.work.notify_one();
        let connected = hub.with_core(|core, _| core.is_connected() && !core.delegated().is_empty());
        let pause = if failed || !connected {
            backoff.next(rand::random())
        } else {
            backoff.reset();
            RECORD_RENEW
        };
        sleep_until(Instant::now() + pause).await;
    }
}

async fn ask(hub: &Hub, directory: &dyn Directory) -> Result<(), Problem> {
    let answer = timeout(HTTP_TIMEOUT, directory.servers()).await;
    let records = answer
        .map_err(|_| Problem::new(Code::Timeout, "messaging discovery did not answer", "too slow"))??;
    let now = unix_now();
    let valid = records.into_iter().filter(|record| record.verify(now).is_ok());
    let infos: Vec<_> = valid
        .filter_map(|signed| ServerInfo::discovered(signed.record.subject, &signed.record.body))
        .collect();
    hub.with_core(|core, now| core.learn_servers(infos, now));
    Ok(())
}
