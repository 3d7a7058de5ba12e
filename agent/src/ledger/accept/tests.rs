use bytes::Bytes;
use landmark_proto::revision::{Digest, Revision};
use landmark_proto::settings::{EncodedSettings, MAX_SETTINGS_BYTES};
use proptest::prelude::*;

use super::*;
use crate::ledger::testing::{offer, settings};

fn holding(held: &Assignment) -> Standing {
    Standing { held: Some(held.offered), highest: Some(held.offered) }
}

fn refused(standing: Standing, offer: &Assignment) -> (RejectionCode, String) {
    let rejection = accept(standing, offer, &Limits::default()).unwrap_err();
    assert_eq!(rejection.still_held, standing.held);
    (rejection.code, rejection.violations.map(|violations| violations.to_string()).unwrap_or_default())
}

fn with_bytes(revision: u64, bytes: impl Into<Bytes>) -> Assignment {
    let settings = EncodedSettings::from_bytes(bytes.into());
    let offered = Held { revision: Revision::new(revision).unwrap(), digest: settings.digest() };
    Assignment { offered, settings, ..offer(1, &Settings::default()) }
}

#[test]
fn a_lower_revision_is_outdated() {
    let held = offer(7, &settings(&["a"]));
    let (code, why) = refused(holding(&held), &offer(6, &settings(&["b"])));
    assert_eq!(code, RejectionCode::Outdated);
    assert_eq!(why, "revision: 6 is lower than 7, which was accepted before");
}

#[test]
fn the_held_revision_with_other_content_is_a_conflict() {
    let held = offer(7, &settings(&["a"]));
    let (code, why) = refused(holding(&held), &offer(7, &settings(&["b"])));
    assert_eq!(code, RejectionCode::Conflict);
    assert!(why.starts_with("digest: revision 7 was accepted before with digest "), "{why}");
}

#[test]
fn what_is_held_already_changes_nothing() {
    let held = offer(7, &settings(&["a"]));
    assert_eq!(accept(holding(&held), &held, &Limits::default()), Ok(Judgement::Unchanged));
}

#[test]
fn a_higher_revision_is_taken_even_with_gaps() {
    let held = offer(7, &settings(&["a"]));
    let next = settings(&["b"]);
    let taken = accept(holding(&held), &offer(90, &next), &Limits::default());
    assert_eq!(taken, Ok(Judgement::Take(Box::new(next))));
}

#[test]
fn bytes_that_do_not_hash_to_the_digest_are_refused() {
    let mut offer = offer(1, &settings(&["a"]));
    offer.offered.digest = Digest::of(b"other");
    assert_eq!(refused(Standing::default(), &offer).0, RejectionCode::Digest);
}

#[test]
fn fields_that_are_not_understood_are_unsupported() {
    let mut bytes = EncodedSettings::encode(&settings(&["a"])).bytes().to_vec();
    // Field 99, a length of one, and a byte.
    bytes.extend_from_slice(&[0x9a, 0x06, 0x01, 0x00]);
    assert_eq!(refused(Standing::default(), &with_bytes(1, bytes)).0, RejectionCode::Unsupported);
}

#[test]
fn settings_that_are_too_large_are_refused() {
    let offer = with_bytes(1, vec![0; MAX_SETTINGS_BYTES + 1]);
    assert_eq!(refused(Standing::default(), &offer).0, RejectionCode::TooLarge);
}

#[test]
fn broken_rules_are_named_by_their_paths() {
    let (code, why) = refused(Standing::default(), &with_bytes(1, Bytes::new()));
    assert_eq!(code, RejectionCode::Invalid);
    assert_eq!(why, "reference_servers: is missing; location: is missing");
}

#[test]
fn this_very_machine_is_refused_unless_its_own_configuration_allows_it() {
    let offer =
        offer(1, &settings(&["a", "127.0.0.3", "::1", "localhost", "x.localhost", "localhost.example"]));
    let rejection = accept(Standing::default(), &offer, &Limits::default()).unwrap_err();
    assert_eq!(rejection.code, RejectionCode::Invalid);
    let paths: Vec<String> =
        rejection.violations.unwrap().into_vec().into_iter().map(|violation| violation.path).collect();
    let expected = [1, 2, 3, 4].map(|index| format!("reference_servers.servers[{index}].host"));
    assert_eq!(paths, expected);
    assert!(accept(Standing::default(), &offer, &Limits { allow_loopback: true }).is_ok());
}

#[test]
fn after_a_fallback_the_highest_accepted_is_the_measure() {
    let held = offer(6, &settings(&["a"]));
    let lost = offer(9, &settings(&["c"]));
    let standing = Standing { held: Some(held.offered), highest: Some(lost.offered) };
    assert_eq!(refused(standing, &offer(8, &settings(&["b"]))).0, RejectionCode::Outdated);
    assert_eq!(refused(standing, &offer(5, &settings(&["b"]))).0, RejectionCode::Outdated);
    assert_eq!(refused(standing, &offer(9, &settings(&["x"]))).0, RejectionCode::Conflict);
    assert_eq!(refused(standing, &offer(6, &settings(&["x"]))).0, RejectionCode::Conflict);
    assert_eq!(accept(standing, &held, &Limits::default()), Ok(Judgement::Unchanged));
    assert!(matches!(accept(standing, &lost, &Limits::default()), Ok(Judgement::Take(_))));
    assert!(matches!(
        accept(standing, &offer(10, &settings(&[])), &Limits::default()),
        Ok(Judgement::Take(_))
    ));
}

proptest! {
    #[test]
    fn no_offer_lowers_what_is_held(
        held in 1_u64..6, above in 0_u64..3, offers in prop::collection::vec((1_u64..10, 0_usize..3), 1..40),
    ) {
        let contents = [settings(&["a"]), settings(&["b"]), settings(&["127.0.0.1"])];
        let held = offer(held, &contents[0]).offered;
        let mut standing = Standing { held: Some(held), highest: Some(held) };
        if above > 0 {
            standing.highest = Some(offer(held.revision.get() + above, &contents[1]).offered);
        }
        for (revision, content) in offers {
            let offer = offer(revision, &contents[content]);
            let before = standing;
            if let Ok(Judgement::Take(_)) = accept(standing, &offer, &Limits::default()) {
                standing = Standing { held: Some(offer.offered), highest: Some(offer.offered) };
            }
            prop_assert!(standing.held.map(|held| held.revision) >= before.held.map(|held| held.revision));
            prop_assert!(standing.highest.map(|held| held.revision) >= before.highest.map(|held| held.revision));
            // And one revision has one content.
            for known in [before.held, before.highest].into_iter().flatten() {
                let same = standing.held.filter(|held| held.revision == known.revision);
                prop_assert!(same.is_none_or(|held| held.digest == known.digest));
            }
        }
    }
}
