//! Whether a row of numbers goes anywhere.

use crate::report::median;

/// By how much a number grows from the first sample to the last, as the middle one of the slopes between all pairs says (Theil and
/// Sen): a single sample that stands out does not move it.
#[must_use]
pub fn growth(samples: &[f64]) -> f64 {
    let numbered = || samples.iter().copied().enumerate();
    let slopes = numbered().flat_map(|(from, before)| {
        let later = numbered().skip(from + 1);
        later.map(move |(to, after)| (after - before) / (to - from) as f64)
    });
    median(slopes) * samples.len().saturating_sub(1) as f64
}

/// What a number may grow by over the second half of a soak: a share of its median, or this much if that is more.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// The share.
    pub share: f64,
    /// In the number's own measure.
    pub at_least: f64,
}

impl Allowed {
    /// For samples whose median is known from them.
    #[must_use]
    pub fn of(self, samples: &[f64]) -> f64 {
        (self.share * median(samples.iter().copied())).max(self.at_least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_growth_is_told_whole() {
        assert_eq!(growth(&[10.0, 12.0, 14.0, 16.0]), 6.0);
        assert_eq!(growth(&[5.0]), 0.0);
        assert_eq!(growth(&[]), 0.0);
    }

    #[test]
    fn single_outlier_is_no_growth() {
        let grown = growth(&[7.0, 7.0, 7.0, 90.0, 7.0, 7.0, 7.0]);
        assert!(grown.abs() < 1e-9, "{grown}");
    }

    #[test]
    fn allowed_is_a_share_but_never_nothing() {
        let allowed = Allowed {
            share: 0.05,
            at_least: 8.0,
        };
        assert_eq!(allowed.of(&[100.0, 100.0]), 8.0);
        assert_eq!(allowed.of(&[1_000.0]), 50.0);
    }
}
