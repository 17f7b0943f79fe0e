//! Least loss.

use super::{Metric, Metrics};

/// A path delivers the product of what its hops deliver; so the cost is the negative logarithm of the delivered share,
/// in millionths, plus 1 for the hop. At small rates it equals the loss in parts per million.
pub(super) struct Loss;

const MILLION: u64 = 1_000_000;

impl Metric for Loss {
    fn cost(&self, metrics: &Metrics) -> u64 {
        let lost = u64::from(metrics.loss_ppm).min(MILLION - 1);
        // Up to 1 %, where nearly all transports are, two terms of the series are exact to a millionth.
        let small = lost <= MILLION / 100;
        1 + if small { lost + lost * lost / (2 * MILLION) } else { ln_millionths(MILLION, MILLION - lost) }
    }
}

/// `ln(numerator / denominator)` in millionths for a quotient from 1 to 2^20, in integers only, so that every machine
/// ranks alike.
fn ln_millionths(numerator: u64, denominator: u64) -> u64 {
    const FRACTION: u32 = 31;
    const DIGITS: u32 = 24;
    const LN_2_MILLIONTHS: u64 = 693_147;
    let mut x = (numerator << FRACTION) / denominator;
    let whole = x.ilog2() - FRACTION;
    x >>= whole;
    // Squaring a number in [1, 2) doubles its logarithm: an overflow to [2, 4) is the next binary digit.
    let mut log_2 = u64::from(whole);
    for _ in 0..DIGITS {
        x = (x * x) >> FRACTION;
        log_2 <<= 1;
        if x >= 2 << FRACTION {
            x >>= 1;
            log_2 |= 1;
        }
    }
    (log_2 * LN_2_MILLIONTHS) >> DIGITS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(loss_ppm: u32) -> u64 {
        Loss.cost(&Metrics { loss_ppm, ..Metrics::default() })
    }

    #[test]
    fn the_cost_is_the_negative_logarithm_of_the_delivered_share() {
        for (loss_ppm, expected) in
            [(0, 0), (100, 100), (10_000, 10_050), (500_000, 693_147), (900_000, 2_302_585)]
        {
            assert!(cost(loss_ppm).abs_diff(1 + expected) <= 2, "{loss_ppm}: {}", cost(loss_ppm));
        }
    }

    #[test]
    fn more_loss_never_costs_less() {
        let rates: Vec<u32> = (9_900..10_100).chain((0..2_000).map(|step| 10_100 + step * 501)).collect();
        assert!(rates.windows(2).all(|pair| cost(pair[0]) <= cost(pair[1])));
    }

    #[test]
    fn two_hops_of_one_percent_beat_one_of_three() {
        assert!(2 * cost(10_000) < cost(30_000));
    }
}
