//! Measurements as people read them.

/// A round-trip time given in microseconds: `0.4 ms`, `41 ms`, `1.2 s`.
#[must_use]
pub fn rtt(us: u64) -> String {
    match us {
        0..10_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        10_000..1_000_000 => format!("{} ms", us / 1_000),
        _ => format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000),
    }
}

/// A round-trip time that may not be measured yet.
#[must_use]
pub fn rtt_or_dash(us: Option<u64>) -> String {
    us.map_or_else(|| "-".to_owned(), rtt)
}

/// Bytes in powers of ten: `512 B`, `1.2 kB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    let mut unit = 1;
    for name in ["B", "kB", "MB", "GB", "TB"] {
        if count < unit * 1_000 || name == "TB" {
            let tenths = if unit == 1 { String::new() } else { format!(".{}", count % unit / (unit / 10)) };
            return format!("{}{tenths} {name}", count / unit);
        }
        unit *= 1_000;
    }
    unreachable!("the last unit takes everything")
}

/// A time span given in seconds, its two largest units: `2 h 3 min`.
#[must_use]
pub fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measure_is_short_and_never_rounded_up() {
        assert_eq!([400, 9_999, 41_900, 1_290_000].map(rtt), ["0.4 ms", "9.9 ms", "41 ms", "1.2 s"]);
        assert_eq!([0, 999, 1_299, 12_345_678].map(bytes), ["0 B", "999 B", "1.2 kB", "12.3 MB"]);
        assert!(bytes(u64::MAX).ends_with(" TB"));
        assert_eq!([7, 67, 7_380, 90_000].map(span), ["7 s", "1 min 7 s", "2 h 3 min", "1 d 1 h"]);
    }
}
