//! Many figures of one thing: the least, the middle, what one in a hundred exceeds, the most. Decides only.

/// Figures, in the order in which they were taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    pub(crate) const fn empty() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn add(&mut self, figure: f64) {
        self.0.push(figure);
    }

    pub(crate) fn n(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn min(&self) -> f64 {
        self.quantile(0)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(50)
    }

    /// Of fewer than a hundred it is the greatest.
    pub(crate) fn p99(&self) -> f64 {
        self.quantile(99)
    }

    pub(crate) fn max(&self) -> f64 {
        self.quantile(100)
    }

    /// The nearest rank, so that it is a figure that was taken; not a number if there are none.
    pub(crate) fn quantile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
    }

    /// How each stands to what was measured beside it, in the same round.
    pub(crate) fn over(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one / other).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_figures_that_were_taken() {
        let mut figures = Figures::default();
        assert!(figures.median().is_nan());
        (1..=200).rev().for_each(|n| figures.add(f64::from(n)));
        let all = [figures.min(), figures.median(), figures.p99(), figures.max()];
        assert_eq!(all, [1.0, 100.0, 198.0, 200.0]);
        assert_eq!(figures.n(), 200);
        assert_eq!(figures.over(&figures).max(), 1.0);
    }
}
