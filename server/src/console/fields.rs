//! What a form or a query says: names with texts, several of one name possible.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// Longer than any list that can be ticked; what comes beyond is no form of ours.
const MAX_FIELDS: usize = 8_192;

/// The fields, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// `application/x-www-form-urlencoded`. Nothing is refused here: what is not text becomes the sign for that, and fails
    /// where it is read.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().take(MAX_FIELDS).collect())
    }

    /// A text without the blanks around it; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.whole(name).trim()
    }

    /// A text as it was typed, for passwords; empty where there is none.
    pub(super) fn whole(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, text)| text.as_str())
    }

    /// All texts of a name, in their order.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(field, _)| field == name).map(|(_, text)| text.as_str())
    }

    /// Every name with its text, as they came.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Whether a box is ticked.
    pub(super) fn is_set(&self, name: &str) -> bool {
        matches!(self.text(name), "on" | "true" | "yes" | "1")
    }

    /// Texts between commas, blanks and line ends.
    pub(super) fn words(&self, name: &str) -> Vec<String> {
        let separators = |character: char| character == ',' || character == ';' || character.is_whitespace();
        self.text(name).split(separators).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }
}

/// Of the form that the gate has read and checked.
impl<S: Sync> FromRequestParts<S> for Fields {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.remove::<Self>().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_were_typed() {
        let fields = Fields::from_bytes(
            "host=+%C3%A4.example+&port=80&port=443&enabled=on&ports=80%2C+443%0A21".as_bytes(),
        );
        assert_eq!(fields.text("host"), "ä.example");
        assert_eq!(fields.whole("host"), " ä.example ");
        assert_eq!(fields.all("port").collect::<Vec<_>>(), ["80", "443"]);
        assert!(fields.is_set("enabled") && !fields.is_set("host") && !fields.is_set("nothing"));
        assert_eq!(fields.words("ports"), ["80", "443", "21"]);
        assert_eq!(fields.text("nothing"), "");
        assert_eq!(fields.pairs().nth(1), Some(("port", "80")));
    }

    #[test]
    fn whatever_comes_gives_fields() {
        for bytes in [&b""[..], b"&&==&", b"%zz=%", &[0xff, b'=', 0xfe]] {
            Fields::from_bytes(bytes);
        }
    }
}
