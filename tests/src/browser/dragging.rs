//! Rows that are dragged to another place, with the mouse, as a person does.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use fantoccini::actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::{Element, ElementRef};
use serde_json::json;

use super::element::REFERENCE;
use super::tab::Tab;

/// The rows that can be dragged and have a text, in the middle of the window.
const ROWS: &str = r#"
const [text] = arguments;
const rows = [...document.querySelectorAll("[draggable=true]")].filter((row) => row.innerText.includes(text));
rows[0]?.scrollIntoView({ block: "center" });
return rows;
"#;

/// Chromium begins to drag once the mouse has moved while its button is down.
const BEGIN: f64 = 8.0;
/// Of one move of the hand.
const MOVE: Duration = Duration::from_millis(50);

impl Tab {
    /// Drags the row that has a text onto the row that has another.
    ///
    /// # Errors
    /// There is none, or several.
    pub async fn drag(&self, row: &str, onto: &str) -> Result<()> {
        self.note(&format!("drag {row:?} onto {onto:?}"));
        let (row, onto) = (self.row(row).await?, self.row(onto).await?);
        let to = |element: &Element, y| {
            let element = element.clone();
            PointerAction::MoveToElement { element, duration: Some(MOVE), x: 0.0, y }
        };
        let actions = MouseActions::new("mouse".into())
            .then(to(&row, 0.0))
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
            .then(to(&row, BEGIN))
            .then(to(&onto, 0.0))
            .then(to(&onto, 1.0))
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.client.perform_actions(actions).await.context("drag")?;
        self.client.release_actions().await.context("let the mouse go")
    }

    async fn row(&self, text: &str) -> Result<Element> {
        self.until(self.patience, &format!("there is a row {text:?} to drag"), async || {
            let rows = self.client.execute(ROWS, vec![json!(text)]).await?;
            let rows = rows.as_array().context("an answer of another kind")?;
            let [row] = rows.as_slice() else { bail!("there are {}", rows.len()) };
            let reference = row[REFERENCE].as_str().context("no reference to an element")?;
            Ok(Element::from_element_id(self.client.clone(), ElementRef::from(reference.to_owned())))
        })
        .await
    }
}
