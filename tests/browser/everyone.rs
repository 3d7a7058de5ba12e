//! What every page must be, whoever reads it on whatever.

use anyhow::{Context as _, Result, bail};
use landmark_tests::browser::axe::ensure_accessible;
use landmark_tests::browser::{DESKTOP, Scheme, Size, Tab};

/// The narrowest phone that is still sold.
const NARROW: Size = Size { width: 360, height: 740 };

/// What reaches beyond the right edge, and stands in nothing that scrolls by itself.
const TOO_WIDE: &str = r#"
const isWide = (element) => element.getBoundingClientRect().right > document.documentElement.clientWidth;
const wide = [...document.body.querySelectorAll("*")].filter((one) => isWide(one) && !one.parentElement.closest(".scroll"));
return wide.slice(0, 12).map((one) => one.cloneNode().outerHTML);
"#;

/// Fails when the page as it stands keeps somebody out, in light or dark colours, or has to be scrolled sideways on a phone.
pub(crate) async fn ensure_for_everyone(tab: &Tab) -> Result<()> {
    for scheme in [Scheme::Dark, Scheme::Light] {
        tab.color_scheme(scheme).await?;
        ensure_accessible(tab).await.with_context(|| format!("in {} colours", scheme.name()))?;
    }
    tab.size(NARROW).await?;
    if tab.scrolls_sideways().await? {
        let wide = tab.run(TOO_WIDE).await?;
        bail!("{} is wider than {} px: {wide}", tab.path().await?, NARROW.width);
    }
    tab.size(DESKTOP).await
}
