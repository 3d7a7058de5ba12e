//! Texts that others chose (host names, notes, reasons) made safe for a terminal.

use std::borrow::Cow;

/// Control characters, and those that turn the direction of text, in escaped form.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // A table breaks its lines itself; an error message may have several.
            '\n' => safe.push_str("\n  "),
            character if steers(character) => safe.extend(character.escape_default()),
            character => safe.push(character),
        }
    }
    Cow::Owned(safe)
}

fn steers(character: char) -> bool {
    // Bidirectional controls: UAX #9.
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// On one line.
pub(crate) fn one_line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_shown_instead_of_obeyed() {
        assert_eq!(printable("plain – text"), "plain – text");
        assert_eq!(printable("a\u{1b}[31mb\u{202e}"), "a\\u{1b}[31mb\\u{202e}");
        assert_eq!(one_line("a\n  b\tc"), "a b c");
    }
}
