//! Durable files in a real folder. A full disk is left to the tests of real processes, which can mount one.

use tempfile::TempDir;

use super::*;
use crate::error::Chain;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn writes_what_is_read_back_and_leaves_nothing_else() {
    let folder = folder();
    let path = folder.path().join("ledger");
    write(&path, b"revision 1", Mode::Private).unwrap();
    write(&path, b"revision 2", Mode::Private).unwrap();
    assert_eq!(read_bounded(&path, 100).unwrap().as_deref(), Some(b"revision 2".as_slice()));
    assert_eq!(names_in(folder.path()), ["ledger"]);
}

#[test]
fn a_private_file_is_for_its_owner_only() {
    let folder = folder();
    let path = folder.path().join("key");
    write(&path, b"secret", Mode::Private).unwrap();
    assert_eq!(mode_of(&path), 0o600);
}

#[test]
fn a_public_file_is_for_everyone_to_read() {
    let folder = folder();
    let path = folder.path().join("policy.json");
    write(&path, b"{}", Mode::Public).unwrap();
    assert_eq!(mode_of(&path), 0o644);
}

#[test]
fn a_file_that_was_too_open_is_private_after_a_write() {
    let folder = folder();
    let path = folder.path().join("key");
    write(&path, b"secret", Mode::Public).unwrap();
    write(&path, b"secret", Mode::Private).unwrap();
    assert_eq!(mode_of(&path), 0o600);
}

#[test]
fn a_write_whose_parent_is_a_file_names_path_and_step() {
    let folder = folder();
    let parent = folder.path().join("ledger");
    write(&parent, b"old", Mode::Private).unwrap();
    let error = write(&parent.join("new"), b"new", Mode::Private).unwrap_err();
    let text = Chain(&error).to_string();
    assert!(text.starts_with(&format!("cannot create {}/.new.", parent.display())), "{text}");
    assert!(text.ends_with(": Not a directory (os error 20)"), "{text}");
    assert_eq!(fs::read(&parent).unwrap(), b"old");
}

#[test]
fn a_failed_rename_keeps_what_was_there_and_removes_the_temporary_file() {
    let folder = folder();
    let path = folder.path().join("ledger");
    fs::create_dir(&path).unwrap();
    let error = write(&path, b"new", Mode::Private).unwrap_err();
    assert!(error.to_string().starts_with("cannot replace "), "{error}");
    assert_eq!(names_in(folder.path()), ["ledger"]);
    assert!(path.is_dir());
}

#[test]
fn a_path_without_a_file_name_is_refused() {
    let error = write(Path::new("/"), b"", Mode::Private).unwrap_err();
    assert_eq!(error.to_string(), "/ is not the path of a file");
}

#[test]
fn a_full_disk_is_told_from_other_errors() {
    let error = |source| DurableError::Io { step: Step::Write, path: PathBuf::from("ledger"), source };
    assert!(error(io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())).is_full());
    assert!(error(io::Error::from_raw_os_error(rustix::io::Errno::DQUOT.raw_os_error())).is_full());
    assert!(!error(io::Error::from_raw_os_error(rustix::io::Errno::ACCESS.raw_os_error())).is_full());
    assert!(!DurableError::TooLong { path: PathBuf::from("ledger"), limit_bytes: 1 }.is_full());
}

#[test]
fn an_absent_file_is_none() {
    let folder = folder();
    assert!(read_bounded(&folder.path().join("absent"), 1).unwrap().is_none());
    assert!(read_bounded(&folder.path().join("absent/too"), 1).unwrap().is_none());
}

#[test]
fn a_file_of_just_the_limit_is_read_and_a_longer_one_refused() {
    let folder = folder();
    let path = folder.path().join("ledger");
    write(&path, b"12345", Mode::Private).unwrap();
    assert_eq!(read_bounded(&path, 5).unwrap().unwrap(), b"12345");
    let error = read_bounded(&path, 4).unwrap_err();
    assert_eq!(error.to_string(), format!("{} is longer than 4 bytes", path.display()));
}

#[test]
fn an_unreadable_file_is_an_error_and_not_none() {
    let folder = folder();
    let error = read_bounded(folder.path(), 1).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read {}", folder.path().display()));
}

#[test]
fn removes_a_file_and_tells_whether_it_was_there() {
    let folder = folder();
    let path = folder.path().join("ledger");
    write(&path, b"old", Mode::Private).unwrap();
    assert!(remove(&path).unwrap());
    assert!(!remove(&path).unwrap());
    assert!(names_in(folder.path()).is_empty());
}

#[test]
fn creates_a_private_folder_with_its_parents() {
    let folder = folder();
    let path = folder.path().join("lib/landmark");
    create_dir_private(&path).unwrap();
    assert_eq!(mode_of(&path), 0o700);
    assert_eq!(mode_of(&folder.path().join("lib")) & 0o700, 0o700);
    create_dir_private(&path).unwrap();
}

#[test]
fn leaves_the_mode_of_a_folder_that_others_may_read() {
    let folder = folder();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    create_dir_private(folder.path()).unwrap();
    assert_eq!(mode_of(folder.path()), 0o755);
}

#[test]
fn refuses_a_folder_that_others_may_write() {
    let folder = folder();
    for mode in [0o770, 0o707, 0o1777] {
        fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
        let error = create_dir_private(folder.path()).unwrap_err();
        let path = folder.path().display();
        assert_eq!(
            error.to_string(),
            format!("folder {path} can be written by other users (mode {mode:04o}); run: chmod go-w {path}")
        );
        assert_eq!(mode_of(folder.path()), mode);
    }
}

#[test]
fn refuses_a_file_where_a_folder_should_be() {
    let folder = folder();
    let path = folder.path().join("state");
    write(&path, b"", Mode::Private).unwrap();
    assert_eq!(
        create_dir_private(&path).unwrap_err().to_string(),
        format!("{} is not a folder", path.display())
    );
}

#[test]
fn sweeps_what_a_crash_left_and_nothing_else() {
    let folder = folder();
    write(&folder.path().join("ledger"), b"", Mode::Private).unwrap();
    write(&folder.path().join("ledger.durable-tmp"), b"", Mode::Private).unwrap();
    let left = Temporary::beside(&folder.path().join("ledger"), OsStr::new("ledger"));
    File::create_new(&left.path).unwrap();
    left.keep();
    assert_eq!(names_in(folder.path()).len(), 3);
    assert_eq!(sweep_temporary(folder.path()).unwrap(), 1);
    assert_eq!(names_in(folder.path()), ["ledger", "ledger.durable-tmp"]);
}
