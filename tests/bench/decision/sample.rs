//! Many times of one thing: the least, the middle, and what one in a hundred exceeds. Decides only.

use std::time::Duration;

/// Times, in the order in which they were taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn n(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn min(&self) -> Option<Duration> {
        self.0.iter().min().copied()
    }

    pub(crate) fn median(&self) -> Option<Duration> {
        self.quantile(50)
    }

    /// Of fewer than a hundred it is the greatest.
    pub(crate) fn p99(&self) -> Option<Duration> {
        self.quantile(99)
    }

    /// The nearest rank, so that it is a time that was taken.
    fn quantile(&self, percent: usize) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    }
}

impl Extend<Duration> for Times {
    fn extend<I: IntoIterator<Item = Duration>>(&mut self, times: I) {
        self.0.extend(times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_were_taken() {
        let mut times = Times::default();
        assert_eq!((times.min(), times.median(), times.p99()), (None, None, None));
        times.extend((1..=200).rev().map(Duration::from_millis));
        let ms = |time: Option<Duration>| time.map(|time| time.as_millis());
        assert_eq!((ms(times.min()), ms(times.median()), ms(times.p99())), (Some(1), Some(100), Some(198)));
        let mut few = Times::default();
        few.extend([5, 1, 9].map(Duration::from_millis));
        assert_eq!((ms(few.median()), ms(few.p99()), few.n()), (Some(5), Some(9), 3));
    }
}
