use std::fs::Permissions;

use landmark_daemon::error::Chain;
use tempfile::TempDir;

use super::*;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn fresh() -> KnownFleet {
    KnownFleet { fleet_id: FleetId::from_uuid(uuid::Uuid::from_u128(1)), pin: None }
}

fn error(folder: &TempDir, known: KnownFleet) -> String {
    match open(folder.path(), known) {
        Ok(_) => panic!("the authority was opened"),
        Err(error) => Chain(&error).to_string(),
    }
}

fn known(files: &Files) -> KnownFleet {
    KnownFleet { fleet_id: files.fleet_id, pin: Some(authority::pin_of(&files.key)) }
}

#[test]
fn an_authority_is_made_once_and_read_from_then_on() {
    let folder = folder();
    let made = open(folder.path(), fresh()).unwrap();
    let read = open(folder.path(), known(&made)).unwrap();
    assert_eq!(read.certificate, made.certificate);
    assert_eq!(read.fleet_id, made.fleet_id);
    assert_eq!(read.key.serialized_der(), made.key.serialized_der());
    let mode = |name| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(KEY_FILE), mode(CERTIFICATE_FILE)), (0o600, 0o644));
}

#[test]
fn a_lost_public_copy_is_written_again() {
    let folder = folder();
    let made = open(folder.path(), fresh()).unwrap();
    let path = folder.path().join(CERTIFICATE_FILE);
    let text = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(open(folder.path(), fresh()).unwrap().certificate, made.certificate);
    assert_eq!(fs::read(&path).unwrap(), text);
}

#[test]
fn every_cut_of_the_key_file_is_an_error_that_names_it() {
    let folder = folder();
    open(folder.path(), fresh()).unwrap();
    let path = folder.path().join(KEY_FILE);
    let whole = fs::read(&path).unwrap();
    // Without its last line end the file is still whole.
    for length in (0..whole.len() - 1).step_by(7) {
        durable::write(&path, whole.get(..length).unwrap(), Mode::Private).unwrap();
        // A cut between the two blocks leaves the key, whose certificate the public copy still has.
        match open(folder.path(), fresh()) {
            Ok(files) => assert!(pem::private_key_text(files.key.serialized_der()).len() <= length),
            Err(error) => {
                let text = error.to_string();
                assert!(text.contains("authority.key is damaged"), "{length}: {text}");
            }
        }
    }
}

#[test]
fn a_missing_key_is_never_replaced() {
    let folder = folder();
    let made = open(folder.path(), fresh()).unwrap();
    fs::remove_file(folder.path().join(KEY_FILE)).unwrap();
    let text = error(&folder, known(&made));
    assert!(text.contains("authority.key is missing, and the database belongs to fleet"), "{text}");
    assert!(error(&folder, fresh()).contains("authority.key is missing, but"));
    fs::remove_file(folder.path().join(CERTIFICATE_FILE)).unwrap();
    assert!(error(&folder, known(&made)).contains("restore the file from a backup"));
    assert!(!folder.path().join(KEY_FILE).exists());
}

#[test]
fn files_of_two_authorities_do_not_go_together() {
    let (one, other) = (folder(), folder());
    let first = open(one.path(), fresh()).unwrap();
    open(other.path(), fresh()).unwrap();
    fs::copy(other.path().join(CERTIFICATE_FILE), one.path().join(CERTIFICATE_FILE)).unwrap();
    assert!(error(&one, fresh()).contains("do not belong together"));
    fs::copy(other.path().join(KEY_FILE), one.path().join(KEY_FILE)).unwrap();
    let text = error(&one, known(&first));
    assert!(text.contains("but the fleet's agents trust sha256:"), "{text}");
    let stranger = KnownFleet { fleet_id: FleetId::from_uuid(uuid::Uuid::from_u128(2)), pin: None };
    let text = error(&one, stranger);
    assert!(
        text.contains("but the database belongs to fleet 00000000-0000-0000-0000-000000000002"),
        "{text}"
    );
}

#[test]
fn a_damaged_public_copy_is_named() {
    let folder = folder();
    open(folder.path(), fresh()).unwrap();
    durable::write(&folder.path().join(CERTIFICATE_FILE), b"-----BEGIN CERT", Mode::Public).unwrap();
    assert!(error(&folder, fresh()).contains("authority.pem is damaged: no whole certificate in it"));
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let folder = folder();
    open(folder.path(), fresh()).unwrap();
    let path = folder.path().join(KEY_FILE);
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    assert!(error(&folder, fresh()).contains("run: chmod 600"));
}
