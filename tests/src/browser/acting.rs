//! What a person does on a page. Each waits until it can be done: nobody clicks a button that is not there yet.

use anyhow::{Context as _, Result};
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;

use super::element::{Role, find};
use super::tab::Tab;

impl Tab {
    /// Clicks a button or link with this name.
    ///
    /// # Errors
    /// There is none, or several.
    pub async fn click(&self, name: &str) -> Result<()> {
        self.click_where(name, None).await
    }

    /// Clicks a button or link in the innermost row, item, form or section that has this text.
    ///
    /// # Errors
    /// There is none, or several.
    pub async fn click_at(&self, text: &str, name: &str) -> Result<()> {
        self.click_where(name, Some(text)).await
    }

    async fn click_where(&self, name: &str, within: Option<&str>) -> Result<()> {
        self.note(&format!("click {name:?} {}", within.unwrap_or_default()));
        let act = async |element: &Element| element.click().await.context("click");
        self.act(Role::Clicked, name, within, act).await
    }

    /// Replaces what is in the field with this label.
    ///
    /// # Errors
    /// There is none, or several.
    pub async fn fill(&self, label: &str, text: &str) -> Result<()> {
        self.note(&format!("fill {label:?}"));
        let act = async |element: &Element| {
            element.clear().await.context("clear")?;
            element.send_keys(text).await.context("write")
        };
        self.act(Role::Field, label, None, act).await
    }

    /// Adds to what is in the field with this label, key by key.
    ///
    /// # Errors
    /// There is none, or several.
    pub async fn write(&self, label: &str, text: &str) -> Result<()> {
        self.note(&format!("write into {label:?}"));
        let act = async |element: &Element| element.send_keys(text).await.context("write");
        self.act(Role::Field, label, None, act).await
    }

    /// Chooses an option, by its text, from the list with this label.
    ///
    /// # Errors
    /// There is none.
    pub async fn choose(&self, label: &str, option: &str) -> Result<()> {
        self.note(&format!("choose {option:?} of {label:?}"));
        let act = async |element: &Element| {
            element.select_by_label(option).await.with_context(|| format!("choose {option:?}"))
        };
        self.act(Role::Choice, label, None, act).await
    }

    /// Sets a checkbox or radio button with this label.
    ///
    /// # Errors
    /// There is none, or several.
    pub async fn check(&self, label: &str) -> Result<()> {
        self.switch(label, None, true).await
    }

    /// As [`Tab::check`], in the innermost row, item, form or section that has this text.
    ///
    /// # Errors
    /// There is none, or several.
    pub async fn check_at(&self, text: &str, label: &str) -> Result<()> {
        self.switch(label, Some(text), true).await
    }

    /// Unsets a checkbox with this label.
    ///
    /// # Errors
    /// There is none, or several.
    pub async fn uncheck(&self, label: &str) -> Result<()> {
        self.switch(label, None, false).await
    }

    async fn switch(&self, label: &str, within: Option<&str>, on: bool) -> Result<()> {
        self.note(&format!("{} {label:?}", if on { "check" } else { "uncheck" }));
        let act = async |element: &Element| {
            if element.is_selected().await? != on {
                element.click().await.context("click")?;
            }
            Ok(())
        };
        self.act(Role::Switch, label, within, act).await
    }

    /// Whether a checkbox or radio button with this label is set.
    ///
    /// # Errors
    /// There is none, or several.
    pub async fn is_checked(&self, label: &str) -> Result<bool> {
        let element = self.wait_for(Role::Switch, label).await?;
        Ok(element.is_selected().await?)
    }

    /// What is in the field or list with this label: the value that a form sends.
    ///
    /// # Errors
    /// There is none, or several.
    pub async fn value(&self, label: &str) -> Result<String> {
        let element = self.wait_for(Role::Field, label).await?;
        Ok(element.prop("value").await?.unwrap_or_default())
    }

    /// Presses a key where the focus is.
    ///
    /// # Errors
    /// The browser has ended.
    pub async fn press(&self, key: Key) -> Result<()> {
        self.press_with(&[], key).await
    }

    /// Presses a key while others are held, such as Shift.
    ///
    /// # Errors
    /// The browser has ended.
    pub async fn press_with(&self, held: &[Key], key: Key) -> Result<()> {
        self.note(&format!("press {held:?} {key:?}"));
        let mut actions = KeyActions::new("keyboard".into());
        for held in held {
            actions = actions.then(KeyAction::Down { value: char::from(*held) });
        }
        actions = actions.then(KeyAction::Down { value: char::from(key) });
        actions = actions.then(KeyAction::Up { value: char::from(key) });
        for held in held.iter().rev() {
            actions = actions.then(KeyAction::Up { value: char::from(*held) });
        }
        self.client.perform_actions(actions).await.context("press a key")
    }

    /// Types where the focus is.
    ///
    /// # Errors
    /// Nothing there takes keys.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        self.note("type");
        self.client.active_element().await?.send_keys(text).await.context("type")
    }

    /// Puts the focus on a button or link with this name and presses a key.
    ///
    /// # Errors
    /// There is none, or several.
    pub async fn press_on(&self, name: &str, key: Key) -> Result<()> {
        self.note(&format!("press {key:?} on {name:?}"));
        let act = async |element: &Element| {
            element.send_keys(&char::from(key).to_string()).await.context("press a key")
        };
        self.act(Role::Clicked, name, None, act).await
    }

    /// The accessible name of what has the focus: where a person at the keyboard is.
    ///
    /// # Errors
    /// The browser has ended.
    pub async fn focused(&self) -> Result<String> {
        let name = self.run("return document.activeElement?.computedName ?? ''").await?;
        Ok(name.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" "))
    }

    async fn wait_for(&self, role: Role, name: &str) -> Result<Element> {
        let what = format!("there is a {role} {name:?}");
        self.until(self.patience, &what, async || find(&self.client, role, name, None).await).await
    }

    /// A page that is being replaced loses the element between the look and the deed: then it is looked for again. A deed that
    /// was refused was not done.
    async fn act(
        &self,
        role: Role,
        name: &str,
        within: Option<&str>,
        mut deed: impl AsyncFnMut(&Element) -> Result<()>,
    ) -> Result<()> {
        let what = format!("there is a {role} {name:?} to use");
        self.until(self.patience, &what, async || deed(&find(&self.client, role, name, within).await?).await)
            .await
    }
}
