//! Days and months in UTC.

use std::str::FromStr;

use byway_base::UnixTime;

/// How much is carried in which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeCap {
    /// Payload bytes.
    pub bytes: u64,
    /// In each of these.
    pub period: Period,
}

/// A time that begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// A calendar day in UTC.
    Day,
    /// A calendar month in UTC.
    Month,
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "day" => Ok(Self::Day),
            "month" => Ok(Self::Month),
            other => Err(format!("'{other}' is neither \"day\" nor \"month\"")),
        }
    }
}

impl Period {
    /// The one that holds `now`: `2026-11-21`, or `2026-11`.
    pub(super) fn name(self, now: UnixTime) -> String {
        let (year, month, day) = date(now.0 / 86_400);
        match self {
            Self::Day => format!("{year:04}-{month:02}-{day:02}"),
            Self::Month => format!("{year:04}-{month:02}"),
        }
    }
}

/// Year, month and day of the day with this number since 1970 in the Gregorian calendar.
fn date(mut days: u64) -> (u64, u64, u64) {
    // Whole cycles of 400 years first, so that the loop below is short whatever the clock says.
    const CYCLE: u64 = 146_097;
    let mut year = 1970 + 400 * (days / CYCLE);
    days %= CYCLE;
    while days >= days_of(year) {
        days -= days_of(year);
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_of(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_are_those_of_the_calendar() {
        let cases = [
            (0, "1970-01-01"),
            (68_169_599, "1972-02-28"),
            (68_169_600, "1972-02-29"),
            (951_868_800, "2000-03-01"),
            (1_709_164_800, "2024-02-29"),
            (1_735_689_599, "2024-12-31"),
            (1_735_689_600, "2025-01-01"),
            (4_107_542_400, "2100-03-01"),
        ];
        for (seconds, day) in cases {
            assert_eq!(Period::Day.name(UnixTime(seconds)), day);
            assert_eq!(Period::Month.name(UnixTime(seconds)), day[..7]);
        }
        assert!(!Period::Day.name(UnixTime(u64::MAX)).is_empty());
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut last = date(0);
        for number in 1..=146_097 {
            let (year, month, day) = date(number);
            let follows = (year, month, day) == (last.0, last.1, last.2 + 1)
                || (year, month, day) == (last.0, last.1 + 1, 1)
                || (year, month, day) == (last.0 + 1, 1, 1);
            assert!(follows && day <= 31 && month <= 12, "{last:?} {:?}", (year, month, day));
            last = (year, month, day);
        }
        assert_eq!(last, (2370, 1, 1));
    }
}
