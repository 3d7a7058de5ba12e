//! How wide a page is, which colours it is asked for, and pictures of it.

use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::tab::Tab;

/// Of the part of the window that shows the page, in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

/// A window on a desk.
pub const DESKTOP: Size = Size { width: 1280, height: 900 };
/// A phone, held upright.
pub const PHONE: Size = Size { width: 390, height: 844 };

/// Which colours a person prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Scheme {
    /// As CSS names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// Chromium draws no picture that is higher.
const MAX_HEIGHT: f64 = 16_000.0;

impl Tab {
    /// Gives the page another size. A window has a least width, a page has none.
    ///
    /// # Errors
    /// The browser has ended.
    pub async fn size(&self, size: Size) -> Result<()> {
        let Size { width, height } = size;
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await.map(drop)
    }

    /// Prefers light or dark colours.
    ///
    /// # Errors
    /// The browser has ended.
    pub async fn color_scheme(&self, scheme: Scheme) -> Result<()> {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme.name() });
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": [feature] })).await.map(drop)
    }

    /// Whether the page is wider than its window, so that a person has to scroll sideways.
    ///
    /// # Errors
    /// The browser has ended.
    pub async fn scrolls_sideways(&self) -> Result<bool> {
        let script = "const e = document.documentElement; return e.scrollWidth > e.clientWidth";
        Ok(self.run(script).await? == true)
    }

    /// Saves a picture of the whole page, PNG, also of what is below the window.
    ///
    /// # Errors
    /// It cannot be taken or written.
    pub async fn save_picture(&self, file: &Path) -> Result<()> {
        let layout = self.devtools("Page.getLayoutMetrics", json!({})).await?;
        let length = |name: &str| layout["cssContentSize"][name].as_f64().context("a page has a size");
        let clip = json!({
            "x": 0, "y": 0, "scale": 1,
            "width": length("width")?, "height": length("height")?.clamp(1.0, MAX_HEIGHT),
        });
        let wanted = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let picture: Value = self.devtools("Page.captureScreenshot", wanted).await?;
        let data = STANDARD.decode(picture["data"].as_str().context("no picture")?)?;
        std::fs::File::create(file)
            .and_then(|mut file| std::io::Write::write_all(&mut file, &data))
            .with_context(|| format!("write {}", file.display()))
    }
}
