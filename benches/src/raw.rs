//! What the machine does without an overlay: one TCP stream over loopback between two processes.

use anyhow::Result;

use crate::{
    child::Child,
    cpu,
    role::{Answer, Command},
};

/// Bytes and processor time per second of the reference.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Raw {
    pub(crate) mb_per_s: f64,
    pub(crate) cpu_s_per_gb: f64,
}

pub(crate) async fn measure(bytes: u64, runs: usize) -> Result<Raw> {
    let mut results = Vec::new();
    for _ in 0..runs {
        let (mut source, mut sink) = (Child::start()?, Child::start()?);
        let Answer { address, .. } = sink.ask(&Command::RawSink).await?;
        let before = cpu::seconds(source.pid()?)? + cpu::seconds(sink.pid()?)?;
        let sent: Answer = source.ask(&Command::RawSend { to: address, bytes }).await?;
        let used = cpu::seconds(source.pid()?)? + cpu::seconds(sink.pid()?)? - before;
        results.push((bytes as f64 / 1e6 / sent.seconds, used / (bytes as f64 / 1e9)));
    }
    results.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mb_per_s, cpu_s_per_gb) = results[results.len() / 2];
    Ok(Raw { mb_per_s, cpu_s_per_gb })
}
