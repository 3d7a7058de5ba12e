use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::identity::testing::Fleet;

fn addresses() -> Vec<ServerAddress> {
    vec!["landmark.example:7443".parse().unwrap(), "[2001:db8::1]:7443".parse().unwrap()]
}

/// An enrolled agent.
fn enrolled() -> (tempfile::TempDir, Fleet, Identity) {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::new();
    let identity = enroll(folder.path(), &fleet);
    (folder, fleet, identity)
}

fn enroll(folder: &Path, fleet: &Fleet) -> Identity {
    let pending = PendingKey::ensure(folder).unwrap();
    let issued = fleet.issue(&pending.request().unwrap(), fleet.new_agent());
    pending.install(folder, &issued, Some(&addresses())).unwrap()
}

fn key_of(identity: &Identity) -> Vec<u8> {
    identity.key.public_key_raw().to_vec()
}

fn again(folder: &Path) -> Identity {
    Identity::load(folder).unwrap().unwrap()
}

#[test]
fn nobody_is_enrolled_in_an_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Identity::load(folder.path()).unwrap().is_none());
}

#[test]
fn an_enrolled_agent_is_the_same_after_a_restart() {
    let (folder, fleet, identity) = enrolled();
    let again = again(folder.path());
    assert_eq!((again.agent_id, again.fleet_id), (identity.agent_id, fleet.id));
    assert_eq!(again.addresses, addresses());
    assert_eq!(key_of(&again), key_of(&identity));
    assert_eq!(again.authority(), fleet.authority());
    let mode = |name| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(KEY), mode(CERTIFICATE), mode(ABOUT)), (0o600, 0o644, 0o644));
}

#[test]
fn the_same_key_is_asked_for_until_there_is_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let first = PendingKey::ensure(folder.path()).unwrap();
    let second = PendingKey::ensure(folder.path()).unwrap();
    assert_eq!(first.0.public_key_raw(), second.0.public_key_raw());
    assert!(Identity::load(folder.path()).unwrap().is_none());
}

#[test]
fn a_crash_at_any_step_of_a_renewal_leaves_a_key_with_its_certificate() {
    let (folder, fleet, old) = enrolled();
    let files = |folder: &Path| [KEY, CERTIFICATE, ABOUT].map(|name| fs::read(folder.join(name)).unwrap());
    let mut images = vec![files(folder.path())];
    let pending = PendingKey::ensure(folder.path()).unwrap();
    images.push(files(folder.path()));
    let issued = fleet.issue(&pending.request().unwrap(), old.agent_id);
    let new = pending.install(folder.path(), &issued, None).unwrap();
    let after = files(folder.path());
    // The certificate is replaced before the old key is dropped.
    images.push([images[1][0].clone(), after[1].clone(), after[2].clone()]);
    images.push(after);
    assert_ne!(key_of(&new), key_of(&old));
    for (index, image) in images.iter().enumerate() {
        let crashed = tempfile::tempdir().unwrap();
        for (name, bytes) in [KEY, CERTIFICATE, ABOUT].iter().zip(image) {
            durable::write(&crashed.path().join(name), bytes, Mode::Private).unwrap();
        }
        let found = again(crashed.path());
        let expected = if index < 2 { &old } else { &new };
        assert_eq!(key_of(&found), key_of(expected), "{index}");
        assert_eq!(found.certificate(), expected.certificate(), "{index}");
        // And the next renewal goes well from every one of them.
        let pending = PendingKey::ensure(crashed.path()).unwrap();
        let issued = fleet.issue(&pending.request().unwrap(), old.agent_id);
        assert_ne!(key_of(&pending.install(crashed.path(), &issued, None).unwrap()), key_of(expected));
    }
}

#[test]
fn a_certificate_for_another_key_is_not_installed() {
    let (folder, fleet, identity) = enrolled();
    let pending = PendingKey::ensure(folder.path()).unwrap();
    let other = PendingKey(KeyPair::generate().unwrap());
    let issued = fleet.issue(&other.request().unwrap(), identity.agent_id);
    let error = pending.install(folder.path(), &issued, None).unwrap_err();
    assert!(matches!(error, IdentityError::Certificate(InvalidCertificate::OtherKey)));
    assert_eq!(again(folder.path()).certificate(), identity.certificate());
}

#[test]
fn an_interrupted_enrolment_into_another_fleet_is_told_and_can_be_repeated() {
    let (folder, _, _) = enrolled();
    let before = fs::read(folder.path().join(CERTIFICATE)).unwrap();
    let other = Fleet::new();
    enroll(folder.path(), &other);
    durable::write(&folder.path().join(CERTIFICATE), &before, Mode::Public).unwrap();
    let error = Identity::load(folder.path()).unwrap_err();
    assert!(error.to_string().contains("enroll --force"), "{error}");
    assert_eq!(enroll(folder.path(), &other).fleet_id, other.id);
}

#[test]
fn damaged_files_are_named_with_the_way_out() {
    for name in [KEY, CERTIFICATE, ABOUT] {
        let (folder, fleet, _) = enrolled();
        durable::write(&folder.path().join(name), b"rubbish", Mode::Private).unwrap();
        let error = Identity::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("enroll --force"), "{error}");
        enroll(folder.path(), &fleet);
    }
}
