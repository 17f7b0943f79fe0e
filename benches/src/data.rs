//! The rows of the data plane, each beside what it is to be compared with.

use anyhow::{Context, Result};
use serde_json::json;

use crate::{
    Options,
    bare::{self, BareRow},
    forwarder, isolation, memory, progress, report,
    streams::{self, StreamRow},
    switchover,
    target::{self, Line},
};

/// Share of one plain TCP stream that must be reached and that is aimed at, by the number of intermediates.
const SHARES: [(f64, f64); 4] = [(0.45, 0.60), (0.27, 0.40), (0.20, 0.30), (0.17, 0.25)];

/// Measures all of it and prints it.
pub(crate) async fn print(transports: &[String], options: Options) -> Result<()> {
    let bare = bare::all(options).await?;
    let streams = streams::all(transports, options).await?;
    let mut lines = Vec::new();
    for transport in transports {
        let rows: Vec<_> = streams.iter().filter(|row| row.transport == *transport).collect();
        lines.extend(of_streams(transport, &rows, &bare)?);
    }
    progress("measuring a crash under a transfer");
    lines.extend(switchover::measure(options).await?);
    progress("measuring routes beside a stuck one");
    lines.extend(isolation::measure(options).await?);
    progress("measuring memory");
    lines.extend(memory::measure(options).await?);
    progress("measuring the forwarder alone");
    lines.extend(forwarder::measure(options)?);
    let mut text = report::stream_lines(plain(&bare, 0)?, &streams);
    text.push(String::new());
    text.extend(report::bare_lines(&bare));
    text.push(String::new());
    text.extend(target::text(&lines));
    let value = json!({ "bare": bare, "streams": streams, "targets": target::values(&lines) });
    report::print(&text, value, options)
}

fn row(bare: &[BareRow], encrypted: bool, splicers: usize) -> Result<&BareRow> {
    let found = bare.iter().find(|row| row.encrypted == encrypted && row.splicers == splicers);
    found.context("a row without the overlay is missing")
}

fn plain(bare: &[BareRow], splicers: usize) -> Result<&BareRow> {
    row(bare, false, splicers)
}

fn of_streams(transport: &str, rows: &[&StreamRow], bare: &[BareRow]) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    let raw = plain(bare, 0)?;
    let spliced = (plain(bare, 1)?, row(bare, true, 1)?);
    if let Some(node) = rows.iter().find_map(|row| row.intermediate_cpu_s_per_gb) {
        let line = Line::new(format!("forwarding node, {transport} in and out"), "CPU-s/GB", node)
            .beside("TCP spliced", spliced.0.splicer_cpu_s_per_gb.unwrap_or(f64::NAN))
            .beside("TLS spliced by hand", spliced.1.splicer_cpu_s_per_gb.unwrap_or(f64::NAN));
        lines.push(if transport == "quic" { line.target(2.3, 1.2) } else { line.target(1.0, 0.6) });
    }
    for row in rows {
        let what =
            format!("one stream, {transport}, {} intermediates: share of plain TCP", row.intermediates);
        let (pass, aim) = SHARES[row.intermediates];
        let tls = self::row(bare, true, row.intermediates)?;
        let line = Line::new(what, "x", row.mb_per_s / raw.mb_per_s)
            .beside("MB/s", row.mb_per_s)
            .beside("TLS spliced by hand, x", tls.mb_per_s / raw.mb_per_s);
        lines.push(if transport == "tcp" { line.target(pass, aim) } else { line });
    }
    let first = rows.first().context("a transport without a row")?;
    let tls = row(bare, true, 0)?;
    let ends = [
        ("source", first.source_cpu_s_per_gb, tls.source_cpu_s_per_gb),
        ("sink", first.sink_cpu_s_per_gb, tls.sink_cpu_s_per_gb),
    ];
    for (end, measured, tls) in ends {
        let line = Line::new(format!("{end}, session and {transport}"), "CPU-s/GB", measured)
            .beside("TLS alone", tls);
        lines.push(if transport == "tcp" { line.target(0.85, 0.65) } else { line });
    }
    lines.extend(of_latency(transport, rows, bare)?.into_iter().flatten());
    Ok(lines)
}

/// What each hop adds to the round trip: from no intermediate to the longest row, divided by their number.
fn of_latency(transport: &str, rows: &[&StreamRow], bare: &[BareRow]) -> Result<Option<[Line; 2]>> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(None) };
    let hops = last.intermediates;
    if hops == 0 {
        return Ok(None);
    }
    let each = |first: f64, last: f64| (last - first) / hops as f64;
    let of_bare = |encrypted, part: fn(&BareRow) -> f64| {
        Ok::<_, anyhow::Error>(each(part(row(bare, encrypted, 0)?), part(row(bare, encrypted, hops)?)))
    };
    let line = |name: &str, measured, part: fn(&BareRow) -> f64| {
        let line = Line::new(format!("round trip of 64 B added per {transport} hop, {name}"), "µs", measured)
            .beside("TCP spliced", of_bare(false, part)?)
            .beside("TLS spliced by hand", of_bare(true, part)?);
        Ok::<_, anyhow::Error>(line)
    };
    let p50 = line("p50", each(first.rtt_p50_us, last.rtt_p50_us), |row| row.rtt_p50_us)?;
    let p99 = line("p99", each(first.rtt_p99_us, last.rtt_p99_us), |row| row.rtt_p99_us)?;
    Ok(Some([p50.target(35.0, 15.0), p99.target(150.0, 60.0)]))
}
