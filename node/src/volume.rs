//! How much a node carries for others in a day or a month: counted, kept across restarts, and ended where it is used up.

mod meter;
mod period;
mod saved;

use std::{path::PathBuf, sync::Arc, time::Duration};

use byway_base::UnixTime;
use byway_clock::unix_now;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{dataplane::Dataplane, setup::Obedience};

use meter::Meter;
pub use meter::VolumeView;
pub use period::{Period, VolumeCap};
use saved::Saved;

/// How often it is counted: the cap is exceeded by what passes in this time at most.
const COUNT: Duration = Duration::from_millis(250);
/// How often it is written down: what passed since is forgotten if the node dies.
const SAVE: Duration = Duration::from_secs(60);
/// The file in the node's directory.
const FILE: &str = "volume.json";

/// The volume of one node.
pub(crate) struct Volume {
    meter: Mutex<Meter>,
    file: Option<PathBuf>,
}

impl Volume {
    /// Goes on with what is written down in `directory`; without one, nothing is kept. A file that cannot be used is
    /// told and begins a new period.
    pub(crate) fn open(cap: VolumeCap, directory: Option<PathBuf>, now: UnixTime) -> Self {
        let file = directory.map(|directory| directory.join(FILE));
        let saved = file.as_deref().and_then(|file| {
            saved::read(file).unwrap_or_else(|why| {
                warn!(file = %file.display(), why, "cannot use the volume written down; counting from zero");
                None
            })
        });
        Self { meter: Mutex::new(Meter::new(cap, saved, now)), file }
    }

    /// What is used, and what is left.
    pub(crate) fn view(&self) -> VolumeView {
        self.meter.lock().view()
    }

    /// Whether nothing is left.
    pub(crate) fn is_used_up(&self) -> bool {
        self.meter.lock().is_used_up()
    }

    /// Counts until `stop`; while nothing is left, the node forwards for nobody.
    pub(crate) async fn run(
        self: Arc<Self>,
        dataplane: Arc<Dataplane>,
        obedience: Arc<Obedience>,
        stop: CancellationToken,
    ) {
        let mut used_up = false;
        let mut saved = Instant::now();
        let mut told = false;
        loop {
            self.meter.lock().count(unix_now(), dataplane.counters().forwarded_bytes);
            if self.is_used_up() != used_up {
                used_up = !used_up;
                obedience.set_transit(!used_up);
                self.tell(used_up);
            }
            let stopped = stop.is_cancelled();
            if stopped || saved.elapsed() >= SAVE {
                self.save(&mut told).await;
                saved = Instant::now();
            }
            if stopped {
                return;
            }
            stop.run_until_cancelled(sleep(COUNT)).await;
        }
    }

    fn tell(&self, used_up: bool) {
        let VolumeView { period, used, cap } = self.view();
        if used_up {
            info!(%period, used, cap, "the volume is used up: transit off until the period ends");
        } else {
            info!(%period, cap, "a new period has begun: transit on");
        }
    }

    /// Writes the count down. A failure is told once until it works again.
    async fn save(&self, told: &mut bool) {
        let Some(file) = self.file.clone() else { return };
        let VolumeView { period, used, .. } = self.view();
        let saved = Saved::new(period, used);
        let written = tokio::task::spawn_blocking(move || saved::write(&file, &saved)).await;
        let failed = written.map_err(|error| error.to_string()).and_then(|result| result).err();
        if let (Some(why), false) = (&failed, *told) {
            warn!(why, "cannot write the volume down; a restart would begin it anew");
        }
        *told = failed.is_some();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use byway_routing::ForwarderConfig;

    use super::*;

    const CAP: VolumeCap = VolumeCap { bytes: 1_000, period: Period::Day };
    const NOW: UnixTime = UnixTime(1_700_000_000);

    async fn save(volume: &Volume) {
        let mut told = false;
        volume.save(&mut told).await;
        assert!(!told);
    }

    #[tokio::test]
    async fn a_restart_goes_on_with_the_count_and_a_new_period_begins_it_anew() {
        let directory = tempfile::tempdir().unwrap();
        let open = |now| Volume::open(CAP, Some(directory.path().join("state")), now);
        let volume = open(NOW);
        volume.meter.lock().count(NOW, 700);
        save(&volume).await;
        let again = open(NOW);
        assert_eq!(again.view().used, 700);
        // The new process counts from zero itself.
        again.meter.lock().count(NOW, 300);
        assert!(again.is_used_up());
        save(&again).await;
        assert!(open(NOW).is_used_up());
        assert_eq!(open(NOW.plus(Duration::from_secs(86_400))).view().used, 0);
    }

    #[tokio::test]
    async fn whatever_stands_in_the_file_the_node_starts_and_counts() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(FILE);
        let larger = "x".repeat(100_000);
        for text in
            ["", "{", "null", "{\"version\":2,\"period\":\"2023-11-14\",\"bytes\":5}", "\u{0}\u{1}", &larger]
        {
            fs::write(&file, text).unwrap();
            let volume = Volume::open(CAP, Some(directory.path().to_owned()), NOW);
            assert_eq!(volume.view().used, 0, "{text}");
            volume.meter.lock().count(NOW, 5);
            save(&volume).await;
            assert_eq!(Volume::open(CAP, Some(directory.path().to_owned()), NOW).view().used, 5);
        }
    }

    #[tokio::test]
    async fn a_directory_that_cannot_be_written_to_stops_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let blocked = directory.path().join("file");
        fs::write(&blocked, "").unwrap();
        let volume = Volume::open(CAP, Some(blocked), NOW);
        volume.meter.lock().count(NOW, 5);
        let mut told = false;
        volume.save(&mut told).await;
        assert!(told);
        assert_eq!(volume.view().used, 5);
    }

    #[test]
    fn the_forwarder_counts_nothing_before_it_carries() {
        let (dataplane, _events) = Dataplane::new(ForwarderConfig::default());
        let volume = Volume::open(CAP, None, NOW);
        volume.meter.lock().count(NOW, dataplane.counters().forwarded_bytes);
        assert_eq!(volume.view(), VolumeView { period: "2023-11-14".to_owned(), used: 0, cap: 1_000 });
    }
}
