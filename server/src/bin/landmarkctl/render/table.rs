//! Tables without lines: columns as wide as they need, the widest ones folded when the terminal is narrower.

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, CellAlignment, Color, ColumnConstraint, ContentArrangement, Width};

use super::{NOTHING as NO_VALUE, Paper};
use crate::render::plain::one_line;

/// Between two columns.
const GAP: u16 = 2;
/// No column is folded below this.
const NARROWEST: u16 = 10;

/// Rows under a header.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    header: Vec<Heading>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Copy, Debug)]
struct Heading {
    title: &'static str,
    right: bool,
    /// Never folded: what is copied must stay in one piece.
    rigid: bool,
}

/// A text and what it means for the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

/// Drawn as a color where there is color; never the only sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Warning,
    Bad,
    Faint,
}

/// How wide each column is; what is printed in pieces keeps the layout of its first piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout(Vec<u16>);

impl Cell {
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self::toned(text, Tone::Plain)
    }

    pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self { text: one_line(text.as_ref()), tone }
    }

    pub(crate) fn optional(value: Option<impl ToString>) -> Self {
        value.map_or_else(|| Self::toned(NO_VALUE, Tone::Faint), |value| Self::new(value.to_string()))
    }
}

impl Table {
    /// A title that begins with `>` is of a column of numbers, one that begins with `!` of one that is never folded.
    pub(crate) fn new(titles: &[&'static str]) -> Self {
        let heading = |title: &&'static str| Heading {
            title: title.trim_start_matches(['>', '!']),
            right: title.starts_with('>'),
            rigid: title.starts_with(['>', '!']),
        };
        Self { header: titles.iter().map(heading).collect(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The layout that these rows need.
    pub(crate) fn layout(&self, paper: &Paper) -> Layout {
        let mut table = self.build(true, false);
        let mut widths = table.column_max_content_widths();
        // The header counts too, which the function leaves out for empty tables.
        widths.resize(self.header.len(), 0);
        for (width, heading) in widths.iter_mut().zip(&self.header) {
            *width = (*width).max(u16::try_from(heading.title.chars().count()).unwrap_or(u16::MAX));
        }
        table.set_content_arrangement(ContentArrangement::Disabled);
        let columns: Vec<Extent> = widths
            .into_iter()
            .zip(&self.header)
            .map(|(natural, heading)| Extent { natural, least: heading.least(natural) })
            .collect();
        Layout(fit(&columns, paper.width))
    }

    /// Lines, each ended.
    pub(crate) fn render(&self, paper: &Paper) -> String {
        self.render_piece(paper, &self.layout(paper), true)
    }

    /// The same with a layout that was made before, and with or without the header.
    pub(crate) fn render_piece(&self, paper: &Paper, layout: &Layout, with_header: bool) -> String {
        if self.rows.is_empty() && !with_header {
            return String::new();
        }
        let mut table = self.build(with_header, paper.colored);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        // Wide enough for what was laid out: the arrangement has been made already.
        table.set_width(u16::MAX);
        for (column, width) in table.column_iter_mut().zip(&layout.0) {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width.saturating_add(GAP))));
        }
        table.lines().fold(String::new(), |mut text, line| {
            text.push_str(line.trim_end());
            text.push('\n');
            text
        })
    }

    fn build(&self, with_header: bool, colored: bool) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING).force_no_tty();
        if colored {
            table.enforce_styling();
        }
        if with_header {
            table.set_header(self.header.iter().map(|heading| {
                let cell = comfy_table::Cell::new(heading.title);
                if colored { cell.add_attribute(Attribute::Bold) } else { cell }
            }));
        }
        for row in &self.rows {
            table.add_row(row.iter().map(|Cell { text, tone }| {
                let cell = comfy_table::Cell::new(text);
                match tone.color().filter(|_| colored) {
                    Some(color) => cell.fg(color),
                    None => cell,
                }
            }));
        }
        for (column, heading) in table.column_iter_mut().zip(&self.header) {
            column.set_padding((0, GAP));
            if heading.right {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }
}

impl Tone {
    fn color(self) -> Option<Color> {
        match self {
            Self::Plain => None,
            Self::Good => Some(Color::DarkGreen),
            Self::Warning => Some(Color::DarkYellow),
            Self::Bad => Some(Color::DarkRed),
            Self::Faint => Some(Color::DarkGrey),
        }
    }
}

/// What a column would like, and what it can be folded to.
#[derive(Clone, Copy, Debug)]
struct Extent {
    natural: u16,
    least: u16,
}

impl Heading {
    fn width(&self) -> u16 {
        u16::try_from(self.title.chars().count()).unwrap_or(u16::MAX)
    }

    fn least(&self, natural: u16) -> u16 {
        if self.rigid { natural } else { self.width().max(NARROWEST).min(natural) }
    }
}

/// Takes from the widest column that can give until all fit.
fn fit(columns: &[Extent], available: Option<u16>) -> Vec<u16> {
    let mut widths: Vec<u16> = columns.iter().map(|column| column.natural).collect();
    let Some(available) = available else { return widths };
    let gaps = u32::from(GAP) * u32::try_from(widths.len().saturating_sub(1)).unwrap_or(0);
    loop {
        let needed = widths.iter().map(|width| u32::from(*width)).sum::<u32>() + gaps;
        let foldable = widths.iter_mut().zip(columns).filter(|(width, column)| **width > column.least);
        match foldable.map(|(width, _)| width).max() {
            Some(width) if needed > u32::from(available) => *width -= 1,
            _ => return widths,
        }
    }
}

/// "name:  value" lines, the values aligned; a value that is absent has no line.
pub(crate) fn facts(rows: &[(&'static str, Option<String>)]) -> String {
    let width = rows
        .iter()
        .filter(|(_, value)| value.is_some())
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or_default();
    rows.iter().fold(String::new(), |mut text, (name, value)| {
        if let Some(value) = value {
            let name = format!("{name}:");
            text.push_str(&format!("{name:width$}  {}\n", one_line(value), width = width + 1));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[">#", "HOST", "PORTS"]);
        table.row(vec![Cell::new("1"), Cell::new("web.example"), Cell::new("443, 80")]);
        table.row(vec![
            Cell::new("10"),
            Cell::new("a-rather-long-name.of-a-machine.example"),
            Cell::toned("22", Tone::Bad),
        ]);
        table
    }

    #[test]
    fn columns_are_aligned_and_lines_end_with_text() {
        insta::assert_snapshot!(table().render(&Paper::for_tests(None)), @r"
         #  HOST                                     PORTS
         1  web.example                              443, 80
        10  a-rather-long-name.of-a-machine.example  22
        ");
    }

    #[test]
    fn a_narrow_terminal_folds_the_widest_column() {
        let text = table().render(&Paper::for_tests(Some(40)));
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        insta::assert_snapshot!(text, @r"
         #  HOST                         PORTS
         1  web.example                  443, 80
        10  a-rather-long-name.of-a-mac  22
            hine.example
        ");
    }

    #[test]
    fn what_is_copied_stays_in_one_piece() {
        let mut table = Table::new(&["!TOKEN", "DESCRIPTION"]);
        table.row(vec![Cell::new("01a20945-ff7c-70a3"), Cell::new("for the laptops")]);
        insta::assert_snapshot!(table.render(&Paper::for_tests(Some(30))), @r"
        TOKEN               DESCRIPTION
        01a20945-ff7c-70a3  for the
                            laptops
        ");
    }

    #[test]
    fn an_absurdly_narrow_terminal_is_survived() {
        let text = table().render(&Paper::for_tests(Some(1)));
        assert!(text.contains("web.exampl"), "{text}");
    }

    #[test]
    fn a_later_piece_keeps_the_columns_of_the_first() {
        let paper = Paper::for_tests(None);
        let layout = table().layout(&paper);
        let mut later = Table::new(&[">#", "HOST", "PORTS"]);
        later.row(vec![Cell::new("11"), Cell::new("db"), Cell::new("5432")]);
        insta::assert_snapshot!(later.render_piece(&paper, &layout, false), @"11  db                                       5432");
    }

    #[test]
    fn colors_stand_only_where_they_are_wanted() {
        let plain = table().render(&Paper::for_tests(None));
        assert!(!plain.contains('\u{1b}'));
        let colored = table().render(&Paper { colored: true, ..Paper::for_tests(None) });
        assert!(colored.contains('\u{1b}'));
    }

    #[test]
    fn facts_are_aligned_and_absent_ones_are_left_out() {
        let text = facts(&[("name", Some("a".into())), ("gone", None), ("version", Some("b\u{7}".into()))]);
        insta::assert_snapshot!(text, @r"
        name:     a
        version:  b\u{7}
        ");
    }
}
