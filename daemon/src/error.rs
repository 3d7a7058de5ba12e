//! Prints an error together with its causes.

use std::error::Error;
use std::fmt;

/// Displays an error and its causes on one line, as `a: b: c`.
///
/// A cause is skipped if what was printed before already ends with its text, since some libraries repeat their cause.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a>(pub &'a (dyn Error + 'a));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printed = self.0.to_string();
        f.write_str(&printed)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !printed.ends_with(&text) {
                write!(f, ": {text}")?;
                printed = text;
            }
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    fn chain(texts: &[&'static str]) -> Link {
        let (text, causes) = texts.split_first().unwrap();
        Link { text, source: (!causes.is_empty()).then(|| Box::new(chain(causes))) }
    }

    #[test]
    fn prints_every_cause_after_its_effect() {
        let error = chain(&["cannot start", "cannot open the store", "disk full"]);
        assert_eq!(Chain(&error).to_string(), "cannot start: cannot open the store: disk full");
    }

    #[test]
    fn skips_a_cause_that_its_parent_already_tells() {
        let error = chain(&["cannot start: disk full", "disk full"]);
        assert_eq!(Chain(&error).to_string(), "cannot start: disk full");
    }

    #[test]
    fn goes_on_after_a_skipped_cause() {
        let error = chain(&["cannot start: disk full", "disk full", "quota of user 7"]);
        assert_eq!(Chain(&error).to_string(), "cannot start: disk full: quota of user 7");
    }

    #[test]
    fn prints_a_lone_error_as_it_is() {
        assert_eq!(Chain(&chain(&["no route"])).to_string(), "no route");
    }
}
