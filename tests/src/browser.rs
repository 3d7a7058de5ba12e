//! A person at the web console: Chromium, driven through its driver, with what a page says and how it is used.
//!
//! ```text
//! driver (chromedriver) ─► tab (one browser, one tab) ─┬─► acting: click, fill, check, press
//!                                                      ├─► looking: see, alerts, field errors, cookies, the log
//!                                                      ├─► view: width, colour scheme, picture
//!                                                      └─► axe: what keeps people out
//! ```
//!
//! What is acted on is found by its role and its accessible name, as the browser itself computes them: what such a test
//! finds, a screen reader finds. It must not know the pages of the console, but for signing in.

mod acting;
pub mod axe;
mod devtools;
mod dragging;
mod driver;
mod element;
mod looking;
pub mod person;
mod tab;
mod view;

pub use driver::Driver;
pub use fantoccini::key::Key;
pub use looking::LogEntry;
pub use person::Person;
pub use tab::Tab;
pub use view::{DESKTOP, PHONE, Scheme, Size};
