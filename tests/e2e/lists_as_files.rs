//! Lists come and go as CSV files, in the encodings that spreadsheets write.

use std::fs;

use anyhow::{Result, ensure};
use landmark_tests::fleet::{Server, facts};
use landmark_tests::scratch::test;
use serde_json::json;

const LIST: &str = "host,port\nintranet.example,443\nintranet.example,80\nmünchen.example,1433\n";

#[tokio::test]
async fn a_list_is_read_in_every_encoding_that_spreadsheets_write() -> Result<()> {
    let utf16: Vec<u8> =
        std::iter::once(0xfeff).chain(LIST.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    // In windows-1252 each of these characters is the byte of its number.
    let ansi: Vec<u8> = LIST.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect();
    let with_mark = format!("\u{feff}{LIST}").into_bytes();
    let files =
        [("utf-8", LIST.as_bytes().to_vec()), ("utf-8-mark", with_mark), ("utf-16", utf16), ("ansi", ansi)];
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        for (name, bytes) in files {
            let file = scratch.write(&format!("{name}.csv"), bytes)?.display().to_string();
            ctl.ok(&["servers", "import", "--replace", &file]).await?;
            let draft = ctl.draft().await?;
            let hosts = facts::hosts(&draft["settings"]);
            ensure!(hosts == ["intranet.example", "xn--mnchen-3ya.example"], "{name}: {hosts:?}");
            let ports = &draft["settings"]["reference_servers"]["servers"][0]["ports"];
            ensure!(*ports == json!([443, 80]), "{name}: {ports}");
            ctl.ok(&["draft", "discard", "--yes"]).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_exported_list_is_imported_as_it_was() -> Result<()> {
    test(async |scratch| {
        let server = Server::started(scratch).await?;
        let ctl = server.ctl();
        let original = scratch.write("original.csv", LIST)?.display().to_string();
        ctl.ok(&["servers", "import", &original]).await?;
        let before = ctl.draft().await?["settings"].clone();
        let exported = scratch.path().join("exported.csv");
        ctl.run(&["servers", "export", &exported.display().to_string()]).await?.success()?;
        ensure!(fs::read_to_string(&exported)?.starts_with("host,port"));

        ctl.ok(&["draft", "discard", "--yes"]).await?;
        ctl.ok(&["servers", "import", &exported.display().to_string()]).await?;
        let after = ctl.draft().await?["settings"].clone();
        ensure!(before == after, "before {before}, after {after}");
        Ok(())
    })
    .await
}
