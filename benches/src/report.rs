//! The tables.

use anyhow::Result;
use serde_json::{Value, json};

use crate::{Options, bare::BareRow, streams::StreamRow};

/// Prints what a stream over the overlay does.
pub(crate) fn streams(raw: &BareRow, rows: &[StreamRow], options: Options) -> Result<()> {
    let lines = stream_lines(raw, rows);
    let raw = json!({ "mb_per_s": raw.mb_per_s, "cpu_s_per_gb": ends(raw) });
    print(&lines, json!({ "raw_loopback": raw, "rows": rows }), options)
}

/// A line for each row, with a heading.
pub(crate) fn stream_lines(raw: &BareRow, rows: &[StreamRow]) -> Vec<String> {
    let mut lines = vec![
        format!("plain TCP over loopback: {:.0} MB/s, {:.2} CPU-s/GB for both ends", raw.mb_per_s, ends(raw)),
        String::new(),
        "transport  between    MB/s   share   CPU-s/GB: source  between  sink   relay   RTT p50  p99 (µs)  dial p50 (ms)  source RSS (MB)".to_owned(),
    ];
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
    lines
}

fn ends(raw: &BareRow) -> f64 {
    raw.source_cpu_s_per_gb + raw.sink_cpu_s_per_gb
}

/// Prints what the machine does without it.
pub(crate) fn bare(rows: &[BareRow], options: Options) -> Result<()> {
    print(&bare_lines(rows), json!({ "rows": rows }), options)
}

/// A line for each row, with a heading.
pub(crate) fn bare_lines(rows: &[BareRow]) -> Vec<String> {
    let mut lines =
        vec!["stream  splicers    MB/s   CPU-s/GB: source  splicer  sink   RTT p50  p99 (µs)".to_owned()];
    for row in rows {
        lines.push(format!(
            "{:<7} {:>8} {:>7.0} {:>18.2} {:>8} {:>5.2} {:>9.0} {:>9.0}",
            if row.encrypted { "TLS" } else { "TCP" },
            row.splicers,
            row.mb_per_s,
            row.source_cpu_s_per_gb,
            optional(row.splicer_cpu_s_per_gb),
            row.sink_cpu_s_per_gb,
            row.rtt_p50_us,
            row.rtt_p99_us,
        ));
    }
    lines
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
}

/// Prints lines for people or one JSON object for programs, with the conditions.
pub(crate) fn print(lines: &[String], value: Value, options: Options) -> Result<()> {
    print_under(&conditions(options), lines, value, options.json)
}

/// As [`print()`], with other conditions.
pub(crate) fn print_under(conditions: &str, lines: &[String], mut value: Value, json: bool) -> Result<()> {
    let text = if json {
        value["version"] = json!(1);
        value["conditions"] = json!(conditions);
        serde_json::to_string_pretty(&value)?
    } else {
        format!("{conditions}\n{}", lines.join("\n"))
    };
    // What the command is for goes to stdout, whole.
    #[expect(clippy::print_stdout, reason = "the table is the command's result")]
    {
        println!("{text}");
    }
    Ok(())
}

fn conditions(options: Options) -> String {
    format!("{}; medians of {} runs, transfers of {} MB", machine(), options.runs, options.megabytes)
}

/// What all of it ran on.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let model = model.trim_start_matches([':', '\t', ' ']);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("unknown");
    format!("{cores} cores, {model}, all on this machine, load average {load}")
}
