use std::fs::File;
use std::os::unix::fs::symlink;
use std::pin::pin;
use std::time::Duration;

use rustix::fs::{CWD, Mode, mkfifoat};
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;

/// For what surely comes, on a machine that does much else.
const LIMIT: Duration = Duration::from_secs(10);

/// A folder like /etc with a resolv.conf, and what watches it.
struct Etc {
    folder: TempDir,
    files: Files,
}

impl Etc {
    fn with(prepare: impl FnOnce(&Path)) -> Self {
        let folder = TempDir::new().unwrap();
        prepare(folder.path());
        let mut files = Files::open(vec![folder.path().join("resolv.conf")]).unwrap();
        files.look().unwrap();
        Self { folder, files }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Waits until something is noticed; whether that is another content.
    async fn is_changed(&mut self) -> bool {
        timeout(LIMIT, self.files.wait()).await.expect("something is noticed").unwrap();
        self.files.look().unwrap()
    }

    /// Waits until another content is noticed.
    async fn change(&mut self) {
        while !self.is_changed().await {}
    }
}

/// Rewrites a file where it is.
fn write(path: &Path, text: &str) {
    use std::io::Write as _;
    File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_file_rewritten_where_it_is_has_changed() {
    let mut etc = Etc::with(|etc| write(&etc.join("resolv.conf"), "nameserver 192.0.2.53"));
    write(&etc.path("resolv.conf"), "nameserver 192.0.2.54");
    etc.change().await;
}

#[tokio::test]
async fn a_file_renamed_over_another_has_changed_each_time() {
    let mut etc = Etc::with(|etc| write(&etc.join("resolv.conf"), "a"));
    for text in ["b", "c", "d"] {
        write(&etc.path("resolv.conf.new"), text);
        fs::rename(etc.path("resolv.conf.new"), etc.path("resolv.conf")).unwrap();
        etc.change().await;
    }
}

#[tokio::test]
async fn the_same_content_again_is_no_change() {
    let mut etc = Etc::with(|etc| write(&etc.join("resolv.conf"), "a"));
    write(&etc.path("new"), "a");
    fs::rename(etc.path("new"), etc.path("resolv.conf")).unwrap();
    assert!(!etc.is_changed().await);
}

#[tokio::test]
async fn a_file_that_comes_or_goes_has_changed() {
    let mut etc = Etc::with(|_| {});
    write(&etc.path("resolv.conf"), "a");
    etc.change().await;
    fs::remove_file(etc.path("resolv.conf")).unwrap();
    etc.change().await;
}

#[tokio::test]
async fn symlinks_are_followed_wherever_they_lead_next() {
    let mut etc = Etc::with(|etc| {
        fs::create_dir_all(etc.join("run/one")).unwrap();
        fs::create_dir_all(etc.join("run/two")).unwrap();
        write(&etc.join("run/one/stub"), "a");
        write(&etc.join("run/two/stub"), "b");
        symlink("run/one/stub", etc.join("link")).unwrap();
        symlink("link", etc.join("resolv.conf")).unwrap();
    });
    // The target is replaced.
    write(&etc.path("run/one/new"), "c");
    fs::rename(etc.path("run/one/new"), etc.path("run/one/stub")).unwrap();
    etc.change().await;
    // A symlink on the way is.
    symlink("run/two/stub", etc.path("new")).unwrap();
    fs::rename(etc.path("new"), etc.path("link")).unwrap();
    etc.change().await;
    // And then the new target.
    write(&etc.path("run/two/stub"), "d");
    etc.change().await;
}

#[tokio::test]
async fn a_target_in_a_folder_that_is_made_later_is_found() {
    let mut etc = Etc::with(|etc| symlink("run/resolve/stub", etc.join("resolv.conf")).unwrap());
    fs::create_dir_all(etc.path("run/resolve")).unwrap();
    write(&etc.path("run/resolve/stub"), "a");
    etc.change().await;
    fs::remove_dir_all(etc.path("run")).unwrap();
    etc.change().await;
    fs::create_dir_all(etc.path("run/resolve")).unwrap();
    write(&etc.path("run/resolve/stub"), "b");
    etc.change().await;
}

/// A file that is mounted where it is has its name in another folder: a second name shows the same.
#[tokio::test]
async fn a_file_written_through_another_folder_has_changed() {
    let elsewhere = TempDir::new().unwrap();
    write(&elsewhere.path().join("source"), "a");
    let mut etc =
        Etc::with(|etc| fs::hard_link(elsewhere.path().join("source"), etc.join("resolv.conf")).unwrap());
    write(&elsewhere.path().join("source"), "b");
    etc.change().await;
}

#[tokio::test]
async fn other_files_of_the_folder_wake_nobody() {
    let mut etc = Etc::with(|etc| write(&etc.join("resolv.conf"), "a"));
    for number in 0..100 {
        write(&etc.path(&format!("other{number}")), "x");
    }
    let mut wait = pin!(etc.files.wait());
    let is_pending =
        std::future::poll_fn(|context| std::task::Poll::Ready(wait.as_mut().poll(context).is_pending()))
            .await;
    assert!(is_pending);
}

#[tokio::test]
async fn a_pipe_or_a_loop_of_symlinks_keeps_nobody_waiting() {
    let mut etc = Etc::with(|etc| {
        symlink("resolv.conf", etc.join("resolv.conf")).unwrap();
    });
    fs::remove_file(etc.path("resolv.conf")).unwrap();
    mkfifoat(CWD, etc.path("resolv.conf"), Mode::RUSR).unwrap();
    assert!(!etc.is_changed().await, "neither can be read");
    write(&etc.path("new"), "a");
    fs::rename(etc.path("new"), etc.path("resolv.conf")).unwrap();
    etc.change().await;
}
