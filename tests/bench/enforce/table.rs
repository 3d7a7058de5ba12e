//! What was measured, as text that people read, each goal beside its figure. Decides only.

use crate::figures::Figures;

/// A row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    pub(crate) figures: Figures,
    pub(crate) goal: Option<Goal>,
}

/// Of the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Milliseconds,
    Microseconds,
    /// One beside the other.
    Ratio,
}

/// What is asked of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// Of 99 in 100; of fewer than a hundred, of all.
    P99AtMost(f64),
    /// Of the one in the middle: single ones say little.
    MedianAtMost(f64),
}

impl Goal {
    fn is_met(self, figures: &Figures) -> bool {
        match self {
            Self::P99AtMost(limit) => figures.p99() <= limit,
            Self::MedianAtMost(limit) => figures.median() <= limit,
        }
    }

    fn text(self) -> String {
        match self {
            Self::P99AtMost(limit) => format!("p99 ≤ {limit}"),
            Self::MedianAtMost(limit) => format!("median ≤ {limit}"),
        }
    }
}

impl Row {
    /// Whether it is as it shall be; what has no goal is.
    pub(crate) fn is_good(&self) -> bool {
        self.goal.is_none_or(|goal| goal.is_met(&self.figures))
    }

    fn cells(&self) -> [String; 10] {
        let digits = match self.unit {
            Unit::Milliseconds | Unit::Microseconds => 2,
            Unit::Ratio => 3,
        };
        let unit = match self.unit {
            Unit::Milliseconds => "ms",
            Unit::Microseconds => "µs",
            Unit::Ratio => "×",
        };
        let number = |figure: f64| format!("{figure:.digits$}");
        let (goal, met) = match self.goal {
            None => (String::new(), String::new()),
            Some(goal) => (goal.text(), if self.is_good() { "met" } else { "MISSED" }.to_owned()),
        };
        let figures = &self.figures;
        let [min, q1, median, q3, p99, max] = [
            figures.min(),
            figures.quantile(25),
            figures.median(),
            figures.quantile(75),
            figures.p99(),
            figures.max(),
        ]
        .map(number);
        let spread = format!("{q1}–{q3}");
        [
            self.name.clone(),
            unit.to_owned(),
            figures.n().to_string(),
            min,
            median,
            spread,
            p99,
            max,
            goal,
            met,
        ]
    }
}

/// Rows under their head, in columns.
pub(crate) fn text(title: &str, rows: &[Row]) -> String {
    let head =
        [title, "", "n", "min", "median", "middle half", "p99", "max", "goal", ""].map(ToOwned::to_owned);
    let lines: Vec<[String; 10]> = std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..10).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            let pad = " ".repeat(width - cell.chars().count());
            if (2..8).contains(&column) { format!("{pad}{cell}") } else { format!("{cell}{pad}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_stands_beside_its_figure_and_says_whether_it_is_met() {
        let mut figures = Figures::default();
        [1.0, 2.0, 9.0].into_iter().for_each(|figure| figures.add(figure));
        let row = |goal| Row { name: "r".to_owned(), unit: Unit::Ratio, figures: figures.clone(), goal };
        let (good, bad) = (row(Some(Goal::MedianAtMost(2.0))), row(Some(Goal::P99AtMost(8.0))));
        assert!(good.is_good() && !bad.is_good() && row(None).is_good());
        let text = text("what", &[good, bad]);
        assert!(text.contains("median ≤ 2  met") && text.contains("p99 ≤ 8     MISSED"), "{text}");
    }
}
