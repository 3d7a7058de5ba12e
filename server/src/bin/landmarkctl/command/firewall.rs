//! `landmarkctl firewall`: policies, and which machine gets which.

mod exceptions;
mod files;
mod policies;
mod profiles;

use landmark_proto::firewall::ItemName;
use serde::Serialize;

use super::Run;
use super::edits;
use super::places::Spot;
use crate::cli::firewall::place::Place;
use crate::cli::firewall::{Firewall as Command, Of, Which};
use crate::client::{Client, OfSettings};
use crate::errors::{Exit, Failure, Origins, refused};
use crate::render::firewall::{argument, at_a_glance, hits, which};
use crate::view::firewall::{Firewall, Policy};

pub(super) async fn run(run: &Run, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Show(of) => show(run, of).await,
        Command::Policies(command) => policies::run(run, command).await,
        Command::Exceptions(command) => exceptions::run(run, command).await,
        Command::Template(command) => exceptions::run_template(run, command).await,
        Command::Profiles(command) => profiles::run(run, command).await,
        Command::Which(arguments) => look_up(run, arguments).await,
        Command::Hits { policy } => count(run, policy.as_ref()).await,
        Command::Export { file, of, force } => files::export(run, file.as_deref(), of, force).await,
        Command::Import(arguments) => files::import(run, arguments).await,
    }
}

#[derive(Serialize)]
struct ShowDocument<'a> {
    /// Absent: the draft.
    revision: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<&'a str>,
    #[serde(flatten)]
    firewall: &'a Firewall,
}

async fn show(run: &Run, of: Of) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let text = |firewall: &Firewall| at_a_glance(firewall, &run.out.paper());
    let Some(revision) = of_assignment(of) else {
        let draft = edits::read(&mut client).await?;
        let firewall = &draft.settings.firewall;
        let document = ShowDocument { revision: None, etag: Some(&draft.etag), firewall };
        run.out.result(&document, || text(firewall))?;
        edits::remark_state(run, &draft);
        return Ok(Exit::Done);
    };
    let (revision, firewall) = assigned(&mut client, revision).await?;
    let document = ShowDocument { revision: Some(revision), etag: None, firewall: &firewall };
    run.out.result(&document, || text(&firewall))?;
    run.out.remark(format!("assignment {revision}"));
    Ok(Exit::Done)
}

/// `None`: the draft is meant; in it `None`: the present assignment.
fn of_assignment(of: Of) -> Option<Option<u64>> {
    match of.settings() {
        OfSettings::Draft => None,
        OfSettings::Assigned => Some(None),
        OfSettings::Revision(revision) => Some(Some(revision)),
    }
}

/// The firewall of an assignment, the present one without a revision; and its revision.
async fn assigned(client: &mut Client, revision: Option<u64>) -> Result<(u64, Firewall), Failure> {
    let detail = client.assignment(revision).await;
    let detail = detail.map_err(|error| refused("read the assignment", error, &Origins::none()))?;
    Ok((detail.summary.revision, detail.settings.firewall))
}

async fn look_up(run: &Run, arguments: Which) -> Result<Exit, Failure> {
    let mut origins = Origins::none()
        .with("revision", "--revision")
        .with("location", "--location")
        .with("host_name", "--host")
        .with("platform", "--platform")
        .with("agent", "--agent");
    for (index, address) in arguments.addresses.iter().enumerate() {
        origins.add(format!("addresses[{index}]"), format!("--address {address}"));
    }
    for (index, label) in arguments.labels.iter().enumerate() {
        origins.add(format!("labels[{index}]"), format!("--label {label}"));
    }
    let (of, facts) = arguments.into_facts();
    let mut client = run.client().await?;
    let answer = client.which_firewall_profile(of, &facts).await;
    let answer = answer.map_err(|error| refused("look the profile up", error, &origins))?;
    run.out.result(&answer, || which(&answer, &run.out.paper()))?;
    run.out.remark(match answer.revision {
        None => "of the draft; --assigned looks at what is in force".to_owned(),
        Some(revision) => format!("assignment {revision}"),
    });
    Ok(Exit::Done)
}

async fn count(run: &Run, policy: Option<&ItemName>) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let origins = Origins::none().with("policy", "--policy");
    let answer = client.firewall_hits(policy.map(ItemName::as_str)).await;
    let answer = answer.map_err(|error| refused("ask what the firewalls have counted", error, &origins))?;
    let paper = run.out.paper();
    run.out.result(&answer, || match hits::empty(&answer) {
        Some(_) => String::new(),
        None => hits::table(&answer, &paper),
    })?;
    run.out.remark(hits::empty(&answer).unwrap_or_else(|| hits::basis(&answer, &paper)));
    if answer.hits.iter().any(|rule| rule.observing) {
        run.out.remark("what would have been blocked passed: that policy only observes");
    }
    Ok(Exit::Done)
}

fn find_policy<'a>(firewall: &'a Firewall, name: &ItemName) -> Result<&'a Policy, Failure> {
    let names = firewall.policies.iter().map(|policy| policy.name.as_str());
    firewall
        .policy(name)
        .ok_or_else(|| unknown(&format!("no firewall policy \"{name}\""), name, names, "policies list"))
}

/// `what` as in "there is …".
fn unknown<'a>(what: &str, name: &ItemName, names: impl Iterator<Item = &'a str>, list: &str) -> Failure {
    let failure = Failure::new(Exit::Refused, format!("there is {what}"));
    let wanted = name.as_str().to_lowercase();
    match names.into_iter().find(|other| other.to_lowercase() == wanted) {
        Some(other) => failure.hint(format!("did you mean {}? Case matters", argument(other))),
        None => failure.hint(format!("landmarkctl firewall {list}")),
    }
}

/// Where something shall stand, if that was said.
fn spot_of(place: Place) -> Option<Spot> {
    let Place { to, first, last, before, after } = place;
    match (to, before, after) {
        (Some(to), _, _) => Some(Spot::To(to)),
        (_, Some(neighbour), _) => Some(Spot::Before(neighbour.to_string())),
        (_, _, Some(neighbour)) => Some(Spot::After(neighbour.to_string())),
        (None, None, None) if first => Some(Spot::First),
        (None, None, None) => last.then_some(Spot::Last),
    }
}

fn nowhere(name: &ItemName) -> Failure {
    Failure::usage(format!("where shall {} go?", argument(name.as_str())))
        .hint("give one of --to N, --first, --last, --before NAME, --after NAME")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_another_case_is_pointed_out() {
        let firewall = Firewall::default();
        let found = |name: &str| find_policy(&firewall, &name.parse().unwrap());
        assert_eq!(found("All access").unwrap().name, "All access");
        insta::assert_snapshot!(found("all access").unwrap_err(), @r#"
        landmarkctl: there is no firewall policy "all access"
        hint: did you mean 'All access'? Case matters
        "#);
        insta::assert_snapshot!(found("Travel").unwrap_err(), @r#"
        landmarkctl: there is no firewall policy "Travel"
        hint: landmarkctl firewall policies list
        "#);
    }

    #[test]
    fn a_place_is_one_of_five() {
        let name: ItemName = "a b".parse().unwrap();
        assert_eq!(spot_of(Place::default()), None);
        assert_eq!(spot_of(Place { to: Some(2), ..Place::default() }), Some(Spot::To(2)));
        assert_eq!(spot_of(Place { last: true, ..Place::default() }), Some(Spot::Last));
        assert_eq!(spot_of(Place { first: true, ..Place::default() }), Some(Spot::First));
        let after = Place { after: Some(name), ..Place::default() };
        assert_eq!(spot_of(after), Some(Spot::After("a b".into())));
    }
}
