//! Learns of messaging servers from the directory.

use std::{sync::Arc, time::Duration};

use byway_base::{
    Code, Problem,
    limits::{HTTP_TIMEOUT, RECORD_RENEW},
};
use byway_clock::unix_now;
use byway_messaging::ServerInfo;
use byway_net::Backoff;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    directory::Directory,
    hub::Hub,
    status::{Board, DIRECTORY},
};

/// How rarely a client asks that has its servers: for better ones, and for their loads. A list costs a kilobyte or more.
const ENOUGH: Duration = Duration::from_secs(600);

/// Asks for the list of servers again and again: soon while no server is connected, as often as records change while some
/// are lacking, and else rarely.
pub(crate) async fn run(hub: Arc<Hub>, directory: Arc<dyn Directory>, board: Board) {
    let mut backoff = Backoff::default();
    loop {
        let problem = ask(&hub, directory.as_ref()).await.err();
        let failed = problem.is_some();
        board.set(DIRECTORY, problem.map(|problem| problem.while_doing("cannot list messaging servers")));
        hub.work.notify_one();
        let connected = hub.with_core(|core, _| core.is_connected() && !core.delegated().is_empty());
        if failed || !connected {
            sleep(backoff.next(rand::random())).await;
        } else {
            backoff.reset();
            until_needed(&hub).await;
        }
    }
}

async fn until_needed(hub: &Hub) {
    let due = Instant::now() + ENOUGH.mul_f64(rand::random_range(0.5..1.5));
    loop {
        sleep(RECORD_RENEW).await;
        if Instant::now() >= due || !hub.with_core(|core, _| core.has_enough()) {
            return;
        }
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
