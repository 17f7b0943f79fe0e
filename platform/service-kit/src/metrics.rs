//! The process's counters, in the text format of Prometheus.

mod process;

use std::{sync::OnceLock, thread, time::Duration};

use byway_base::{Code, Problem};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// How often observations are folded into their buckets; between two scrapes they would pile up otherwise.
const FOLD_INTERVAL: Duration = Duration::from_secs(5);
/// Bounds of the buckets of `…_seconds`: from a loopback round trip to a dial that times out.
const SECONDS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0,
];
/// Bounds of the buckets of `…_bytes`: from a small packet to a large body.
const BYTES: &[f64] =
    &[64.0, 256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 16_777_216.0];
/// Bounds of the buckets of everything else: small counts such as hops or batch sizes.
const COUNTS: &[f64] = &[1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Makes the process record what the `metrics` crate's macros report. Repeating it is harmless. Histograms whose name
/// ends in `_seconds` or `_bytes` have buckets for these; others have buckets for small counts.
///
/// # Errors
/// [`Code::Internal`] if another recorder was installed before.
pub fn install() -> Result<(), Problem> {
    let installed = RECORDER.get_or_init(|| {
        let handle = builder().install_recorder().ok()?;
        let folded = handle.clone();
        let fold = move || loop {
            thread::park_timeout(FOLD_INTERVAL);
            folded.run_upkeep();
        };
        thread::Builder::new().name("metrics".to_owned()).spawn(fold).ok()?;
        metrics::gauge!("byway_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Some(handle)
    });
    match installed {
        Some(_) => Ok(()),
        None => Err(Problem::new(Code::Internal, "cannot record metrics", "another recorder is installed")),
    }
}

fn builder() -> PrometheusBuilder {
    let never_empty = "the bucket bounds are not empty";
    PrometheusBuilder::new()
        .set_buckets(COUNTS)
        .and_then(|it| it.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS))
        .and_then(|it| it.set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), BYTES))
        .expect(never_empty)
}

/// All that was recorded, and what the operating system says of the process (Linux only). Without [`install`] the
/// latter alone.
#[must_use]
pub fn render() -> String {
    let mut text = RECORDER.get().and_then(Option::as_ref).map(PrometheusHandle::render).unwrap_or_default();
    text.push_str(&process::render());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered_after_repeated_installation() {
        install().unwrap();
        install().unwrap();
        metrics::counter!("byway_test_total", "kind" => "a").increment(3);
        metrics::histogram!("byway_test_seconds").record(0.02);
        let text = render();
        assert!(text.contains("byway_test_total{kind=\"a\"} 3"), "{text}");
        assert!(text.contains("byway_test_seconds_bucket{le=\"0.025\"} 1"), "{text}");
        assert!(text.contains("byway_build_info{version="));
    }
}
