//! Finds elements of a page by role and accessible name, as the browser computes them for assistive technology.

use std::fmt;

use anyhow::{Context as _, Result, bail, ensure};
use fantoccini::Client;
use fantoccini::elements::{Element, ElementRef};
use serde_json::{Value, json};

/// What an element is, for whoever cannot see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// What is clicked: buttons, links, tabs, items of menus, what opens and closes something.
    Clicked,
    /// What is written into.
    Field,
    /// What one of several is chosen from.
    Choice,
    /// What is on or off: checkboxes, radio buttons and switches.
    Switch,
}

impl Role {
    /// WAI-ARIA's names of it, and those that Chromium gives where WAI-ARIA has none.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Clicked => {
                &["button", "link", "tab", "menuitem", "DisclosureTriangle", "DisclosureTriangleGrouped"]
            }
            Self::Field => {
                &["textbox", "searchbox", "spinbutton", "combobox", "Date", "DateTime", "InputTime"]
            }
            Self::Choice => &["combobox", "listbox"],
            Self::Switch => &["checkbox", "radio", "switch", "menuitemcheckbox", "menuitemradio"],
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clicked => "button or link",
            Self::Field => "field",
            Self::Choice => "choice",
            Self::Switch => "checkbox or radio button",
        })
    }
}

/// Elements of `roles` inside what `within` is, with their names. A native select that shows a list has the role combobox or
/// listbox; a password field has none in WAI-ARIA, and Chromium calls it a textbox.
/// The browser works a role out anew for each element, which takes the longer the larger the page is: only those are asked that can
/// have such a role.
const FIND: &str = r#"
const [roles, within] = arguments;
const tidy = (text) => (text ?? "").replace(/\s+/g, " ").trim();
let roots = [document];
if (within !== null) {
    const has = (element) => tidy(element.innerText).includes(within);
    const parts = [...document.querySelectorAll("tr, li, dialog, fieldset, section, article, form")].filter(has);
    // The innermost ones.
    roots = parts.filter((part) => !parts.some((other) => other !== part && part.contains(other)));
}
const found = [];
for (const root of roots) {
    for (const element of root.querySelectorAll("a, button, input, select, textarea, summary, [role], [contenteditable]")) {
        if (!roles.includes(element.computedRole) || found.some((one) => one.element === element)) continue;
        if (!element.checkVisibility({ visibilityProperty: true })) continue;
        found.push({ element, name: tidy(element.computedName), disabled: element.matches(":disabled") });
    }
}
return found;
"#;

/// WebDriver's name of a reference to an element (section 12, "Elements").
const REFERENCE: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The one visible, usable element with this role and name, in the whole page or in the innermost row, item, form or section
/// that has a text.
pub(super) async fn find(client: &Client, role: Role, name: &str, within: Option<&str>) -> Result<Element> {
    let answer = client.execute(FIND, vec![json!(role.names()), json!(within)]).await?;
    let all = answer.as_array().context("an answer of another kind")?;
    let named: Vec<&Value> = all.iter().filter(|found| found["name"] == name).collect();
    let place = within.map(|text| format!(" at {text:?}")).unwrap_or_default();
    match named.as_slice() {
        [] => {
            let names: Vec<String> = all.iter().map(|found| found["name"].to_string()).collect();
            bail!("there is no {role} {name:?}{place}, only [{}]", names.join(", "))
        }
        [one] => {
            ensure!(one["disabled"] == false, "the {role} {name:?}{place} is disabled");
            let reference = one["element"][REFERENCE].as_str().context("no reference to an element")?;
            Ok(Element::from_element_id(client.clone(), ElementRef::from(reference.to_owned())))
        }
        several => bail!("there are {} of {role} {name:?}{place}", several.len()),
    }
}
