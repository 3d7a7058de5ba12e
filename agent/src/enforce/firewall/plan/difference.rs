//! Which lines stay, come and go.

use std::collections::{BTreeSet, HashMap};

use super::Line;

/// Lines before times lines after, behind what both begin with and before what both end with: beyond it all of them are told
/// as gone and come. The table for it takes two bytes each, 8 MB in all, and some ten milliseconds.
const MAX_CELLS: usize = 4_000_000;

/// Compares blocks of lines, each with the one of its name, by name.
pub(super) fn between(before: &[(&str, Vec<String>)], after: &[(&str, Vec<String>)]) -> Vec<Line> {
    let names: BTreeSet<&str> = before.iter().chain(after).map(|(name, _)| *name).collect();
    let lines = |blocks: &[(&str, Vec<String>)], name: &str| {
        let block = blocks.iter().find(|(other, _)| *other == name);
        block.map(|(_, lines)| lines.clone()).unwrap_or_default()
    };
    names.into_iter().flat_map(|name| of_block(&lines(before, name), &lines(after, name))).collect()
}

fn of_block(before: &[String], after: &[String]) -> Vec<Line> {
    let n_head = before.iter().zip(after).take_while(|(one, other)| one == other).count();
    let (head, before) = before.split_at(n_head);
    let (_, after) = after.split_at(n_head);
    let n_tail = before.iter().rev().zip(after.iter().rev()).take_while(|(one, other)| one == other).count();
    let (before, tail) = before.split_at(before.len().saturating_sub(n_tail));
    let (after, _) = after.split_at(after.len().saturating_sub(n_tail));
    let kept = |lines: &[String]| lines.iter().cloned().map(Line::Kept).collect::<Vec<_>>();
    let changed = if before.len().saturating_mul(after.len()) > MAX_CELLS {
        let removed = before.iter().cloned().map(Line::Removed);
        removed.chain(after.iter().cloned().map(Line::Added)).collect()
    } else {
        longest_common(before, after)
    };
    [kept(head), changed, kept(tail)].concat()
}

/// Keeps as many lines as can be kept in their order.
fn longest_common(before: &[String], after: &[String]) -> Vec<Line> {
    let numbers = Numbers::of(before, after);
    let (one, other) = (numbers.all(before), numbers.all(after));
    // At (i, j): how many lines are common to what follows i before and j after.
    let width = after.len() + 1;
    let mut n_common = vec![0_u16; (before.len() + 1) * width];
    let at = |i: usize, j: usize| i * width + j;
    for (i, line) in one.iter().enumerate().rev() {
        for (j, other_line) in other.iter().enumerate().rev() {
            n_common[at(i, j)] = if line == other_line {
                n_common[at(i + 1, j + 1)].saturating_add(1)
            } else {
                n_common[at(i + 1, j)].max(n_common[at(i, j + 1)])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::with_capacity(before.len().max(after.len()));
    while let (Some(line), Some(other_line)) = (before.get(i), after.get(j)) {
        if one[i] == other[j] {
            lines.push(Line::Kept(line.clone()));
            (i, j) = (i + 1, j + 1);
        } else if n_common[at(i + 1, j)] >= n_common[at(i, j + 1)] {
            lines.push(Line::Removed(line.clone()));
            i += 1;
        } else {
            lines.push(Line::Added(other_line.clone()));
            j += 1;
        }
    }
    lines.extend(before.iter().skip(i).cloned().map(Line::Removed));
    lines.extend(after.iter().skip(j).cloned().map(Line::Added));
    lines
}

/// A number for each text, because numbers compare faster.
struct Numbers<'a>(HashMap<&'a str, usize>);

impl<'a> Numbers<'a> {
    fn of(before: &'a [String], after: &'a [String]) -> Self {
        Self(before.iter().chain(after).map(String::as_str).zip(0..).collect())
    }

    fn all(&self, lines: &[String]) -> Vec<Option<usize>> {
        lines.iter().map(|line| self.0.get(line.as_str()).copied()).collect()
    }
}
