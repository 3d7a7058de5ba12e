//! Prints declarations as a commented TOML file.

use std::fmt::Write as _;

use super::environment::variable;

/// A setting as the program declares it.
#[derive(Debug)]
pub(super) struct Declaration {
    pub(super) key: String,
    /// The default or example, as it would stand in a file.
    pub(super) written: String,
    pub(super) standing: Standing,
    pub(super) hint: Option<String>,
    pub(super) doc: String,
}

/// What the written value of a declaration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Default,
    Example,
}

/// Renders all declarations, in their order, grouped in tables in the order of their first setting.
///
/// Prose begins with `# `, a setting that is commented out with `#`, so that the two can be told apart.
pub(super) fn render(prefix: &str, declarations: &[Declaration]) -> String {
    let mut tables: Vec<&str> = declarations.iter().map(|declaration| split(&declaration.key).0).collect();
    // Stable: what stands in no table must come first, for in TOML it would belong to the table before it.
    tables.sort_by_key(|table| !table.is_empty());
    let mut text = String::new();
    let mut done: Vec<&str> = Vec::new();
    for table in tables {
        if done.contains(&table) {
            continue;
        }
        done.push(table);
        if !table.is_empty() {
            separate(&mut text);
            writeln!(text, "[{table}]").ok();
        }
        for declaration in declarations.iter().filter(|declaration| split(&declaration.key).0 == table) {
            separate(&mut text);
            render_setting(&mut text, prefix, declaration);
        }
    }
    text
}

fn render_setting(text: &mut String, prefix: &str, declaration: &Declaration) {
    for line in declaration.doc.lines() {
        writeln!(text, "# {}", line.trim()).ok();
    }
    let remarks: Vec<String> = declaration
        .hint
        .clone()
        .into_iter()
        .chain((declaration.standing == Standing::Example).then(|| "not set by default".to_owned()))
        .chain([variable(prefix, &declaration.key)])
        .collect();
    writeln!(text, "# ({})", remarks.join("; ")).ok();
    writeln!(text, "#{} = {}", split(&declaration.key).1, declaration.written).ok();
}

fn separate(text: &mut String) {
    if !text.is_empty() {
        text.push('\n');
    }
}

/// The table and the name of a key; the table of `debug` is the empty text.
fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}
