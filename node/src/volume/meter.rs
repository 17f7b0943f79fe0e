//! Counts what is carried in the present period.

use byway_base::UnixTime;

use super::{VolumeCap, saved::Saved};

/// What is used of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeView {
    /// The present period: `2026-11-21`, or `2026-11`.
    pub period: String,
    /// Payload bytes carried for others in it.
    pub used: u64,
    /// Payload bytes that may be.
    pub cap: u64,
}

/// Counts one node's transit.
#[derive(Debug)]
pub(super) struct Meter {
    cap: VolumeCap,
    period: String,
    used: u64,
    /// The node's total at the last count.
    seen: u64,
}

impl Meter {
    /// Goes on with what was saved, if that was in the present period.
    pub(super) fn new(cap: VolumeCap, saved: Option<Saved>, now: UnixTime) -> Self {
        let period = cap.period.name(now);
        let used = saved.filter(|saved| saved.period == period).map_or(0, |saved| saved.bytes);
        Self { cap, period, used, seen: 0 }
    }

    /// The node has carried `total` bytes since it started. What came since the last count is the present period's.
    pub(super) fn count(&mut self, now: UnixTime, total: u64) {
        let period = self.cap.period.name(now);
        if period != self.period {
            (self.period, self.used) = (period, 0);
        }
        self.used = self.used.saturating_add(total.saturating_sub(self.seen));
        self.seen = total;
    }

    pub(super) const fn is_used_up(&self) -> bool {
        self.used >= self.cap.bytes
    }

    pub(super) fn view(&self) -> VolumeView {
        VolumeView { period: self.period.clone(), used: self.used, cap: self.cap.bytes }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::volume::Period;

    #[test]
    fn a_period_ends_the_count_and_not_the_total() {
        let cap = VolumeCap { bytes: 100, period: Period::Month };
        let november = UnixTime(1_700_000_000);
        let mut meter = Meter::new(cap, None, november);
        meter.count(november, 60);
        meter.count(november, 99);
        assert!(!meter.is_used_up());
        meter.count(november, 100);
        assert!(meter.is_used_up());
        let december = november.plus(Duration::from_secs(20 * 86_400));
        meter.count(december, 130);
        assert_eq!(meter.view(), VolumeView { period: "2023-12".to_owned(), used: 30, cap: 100 });
    }
}
