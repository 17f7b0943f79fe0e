//! The table.

use anyhow::Result;
use serde_json::json;

use crate::{chain::Row, raw::Raw};

pub(crate) fn print(raw: &Raw, rows: &[Row], as_json: bool) -> Result<()> {
    let text = if as_json { to_json(raw, rows)? } else { to_table(raw, rows) };
    // What the command is for goes to stdout, whole.
    #[expect(clippy::print_stdout, reason = "the table is the command's result")]
    {
        println!("{text}");
    }
    Ok(())
}

fn conditions() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    format!(
        "{cores} cores, {}, one stream, all nodes on this machine",
        model.trim_start_matches([':', '\t', ' '])
    )
}

fn to_json(raw: &Raw, rows: &[Row]) -> Result<String> {
    let value = json!({ "version": 1, "conditions": conditions(), "raw_loopback": raw, "rows": rows });
    Ok(serde_json::to_string_pretty(&value)?)
}

fn to_table(raw: &Raw, rows: &[Row]) -> String {
    let mut lines = vec![
        conditions(),
        format!("plain TCP over loopback: {:.0} MB/s, {:.2} CPU-s/GB for both ends", raw.mb_per_s, raw.cpu_s_per_gb),
        String::new(),
        "transport  between    MB/s   share   CPU-s/GB: source  between  sink   relay   RTT p50  p99 (µs)  dial p50 (ms)  source RSS (MB)".to_owned(),
    ];
    let optional = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
    for row in rows {
        lines.push(format!(
            "{:<10} {:>7} {:>7.0} {:>7.3} {:>17.2} {:>8} {:>5.2} {:>7} {:>9.0} {:>9.0} {:>14.1} {:>16.1}",
            row.transport,
            row.intermediates,
            row.mb_per_s,
            row.mb_per_s / raw.mb_per_s,
            row.source_cpu_s_per_gb,
            optional(row.intermediate_cpu_s_per_gb),
            row.sink_cpu_s_per_gb,
            optional(row.relay_cpu_s_per_gb),
            row.rtt_p50_us,
            row.rtt_p99_us,
            row.dial_p50_ms,
            row.source_resident_bytes as f64 / 1e6,
        ));
    }
    lines.join("\n")
}
