//! The table of links.

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    Options,
    cell::{Carrier, Goodput},
};
use crate::report;

/// All that was measured over one link.
pub(super) struct LinkRow {
    pub(super) link: String,
    /// Over what, over how many links in a row, and what came out.
    pub(super) cells: Vec<(Carrier, usize, Goodput)>,
}

/// One route and two, over links of this kind.
pub(super) struct Striping {
    pub(super) link: String,
    pub(super) transport: String,
    pub(super) measured: Vec<Goodput>,
}

impl LinkRow {
    /// Plain TCP over as many links.
    fn plain(&self, links: usize) -> Option<f64> {
        let plain = self.cells.iter().find(|cell| cell.0 == Carrier::Plain && cell.1 == links)?;
        figure(&plain.2)
    }

    fn failures(&self) -> impl Iterator<Item = String> {
        self.cells.iter().filter_map(|(carrier, links, goodput)| match goodput {
            Goodput::Failed(why) => Some(format!("{}, {carrier} over {links}: {why}", self.link)),
            Goodput::MbitPerS(_) => None,
        })
    }
}

pub(super) fn print(
    rows: &[LinkRow],
    striping: Option<&Striping>,
    options: &Options,
    json: bool,
) -> Result<()> {
    let conditions = format!(
        "{}; each delay and loss is of one direction; goodput in Mbit/s, {}; queues of {:?}; {} for congestion; \
         ratios to plain TCP over as many links in a row",
        report::machine(),
        options.span(),
        super::QUEUE,
        options.congestion(),
    );
    let mut lines = vec![heading(options)];
    lines.extend(rows.iter().map(line));
    lines.extend(striping.map(striping_line));
    let failures: Vec<_> = rows.iter().flat_map(LinkRow::failures).collect();
    lines.extend(failures);
    let value = json!({
        "rows": rows.iter().map(to_json).collect::<Vec<_>>(),
        "striping": striping.map(|striping| json!({
            "link": striping.link, "transport": striping.transport,
            "one_route": striping.measured.first(), "two_routes": striping.measured.get(1),
        })),
    });
    report::print_under(&conditions, &lines, value, json)
}

fn heading(options: &Options) -> String {
    let mut heading = format!("{:<36} {:>7} {:>7}", "link", "TCP ×1", "TCP ×3");
    for transport in &options.types {
        for links in [1, 3] {
            heading += &format!(" {:>16}", format!("{transport} ×{links}"));
        }
    }
    heading
}

fn line(row: &LinkRow) -> String {
    let mut line = format!("{:<36}", row.link);
    for (carrier, links, goodput) in &row.cells {
        let ratio = figure(goodput).zip(row.plain(*links)).map(|(own, plain)| own / plain);
        line += &match (carrier, figure(goodput)) {
            (Carrier::Plain, None) => format!(" {:>7}", "failed"),
            (Carrier::Overlay(_), None) => format!(" {:>16}", "failed"),
            (Carrier::Plain, Some(own)) => format!(" {own:>7.1}"),
            (Carrier::Overlay(_), Some(own)) => {
                format!(" {own:>7.1} {:>8}", ratio.map_or_else(String::new, |ratio| format!("({ratio:.2})")))
            }
        };
    }
    line
}

fn striping_line(striping: &Striping) -> String {
    let [one, two] = [0, 1].map(|index| striping.measured.get(index).and_then(figure));
    match one.zip(two) {
        Some((one, two)) => format!(
            "two routes on {}, each {}: {one:.1} over one, {two:.1} over both, {:.2} times as much",
            striping.transport,
            striping.link,
            two / one
        ),
        None => {
            let measured: Vec<_> = striping.measured.iter().map(ToString::to_string).collect();
            format!("two routes on {}: {}", striping.transport, measured.join(", "))
        }
    }
}

const fn figure(goodput: &Goodput) -> Option<f64> {
    match goodput {
        Goodput::MbitPerS(figure) => Some(*figure),
        Goodput::Failed(_) => None,
    }
}

fn to_json(row: &LinkRow) -> Value {
    let cells = row.cells.iter().map(|(carrier, links, goodput)| {
        json!({ "carrier": carrier.to_string(), "links": links, "goodput": goodput })
    });
    json!({ "link": row.link, "cells": cells.collect::<Vec<_>>() })
}
