//! Dashboards and alerts ask for what services really say, and Prometheus reads all of it as it is meant.
//!
//! - [`series`]: what was scraped. [`network`]: the processes that are scraped. [`queries`]: what panels and alerts ask.
//! - [`dashboards`]: the panels. [`alerts`]: rules, their tests, and what they lead to. [`targets`]: what is scraped.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod alerts;
mod dashboards;
mod network;
mod queries;
mod series;
mod targets;

/// Where the files are.
const FOLDER: &str = "deploy/observability";

/// Fails with all breaches, one a line.
fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_of_a_panel_or_an_alert_finds_what_it_asks_for_in_a_running_network() {
    let asked = [dashboards::queries(), alerts::queries()].concat();
    let scraped = network::scrape_until(|scraped| {
        let missing: Vec<_> = asked.iter().flat_map(|query| query.missing(scraped)).collect();
        if missing.is_empty() { Ok(()) } else { Err(missing.join("\n")) }
    });
    scraped.await;
}
