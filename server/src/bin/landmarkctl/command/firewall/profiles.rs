//! `landmarkctl firewall profiles`: which machine gets which policy.

use landmark_proto::firewall::ItemName;
use landmark_proto::violation::Path;
use serde::Serialize;

use super::{nowhere, spot_of, unknown};
use crate::cli::edits::Etag;
use crate::cli::firewall::place::Place;
use crate::cli::firewall::profiles::{Add, Any, Conditions as Given, Edit as Change, Profiles};
use crate::client::{Edit, FirewallEdit};
use crate::command::Run;
use crate::command::edits::{self, Save};
use crate::command::places::place_of;
use crate::errors::{Exit, Failure, Origins, unusable};
use crate::render::firewall::{argument, list_of, profile, profile_words, profiles};
use crate::view::draft::Draft;
use crate::view::firewall::{Conditions, Firewall, Profile};

const LIST: &str = "landmarkctl firewall profiles list";

pub(super) async fn run(run: &Run, command: Profiles) -> Result<Exit, Failure> {
    match command {
        Profiles::List => list(run).await,
        Profiles::Show { name } => show(run, &name).await,
        Profiles::Add(arguments) => add(run, arguments).await,
        Profiles::Edit(arguments) => edit(run, arguments).await,
        Profiles::Move { name, place, etag } => shift(run, &name, place, etag).await,
        Profiles::Enable { name, etag } => enable(run, name, true, etag).await,
        Profiles::Disable { name, etag } => enable(run, name, false, etag).await,
        Profiles::Remove { names, etag } => remove(run, names, etag).await,
    }
}

#[derive(Serialize)]
struct ListDocument<'a> {
    etag: &'a str,
    profiles: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    /// From 1.
    position: usize,
    #[serde(flatten)]
    profile: &'a Profile,
}

async fn list(run: &Run) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let draft = edits::read(&mut client).await?;
    let list = &draft.settings.firewall.profiles;
    let listed = (1..).zip(list).map(|(position, profile)| Listed { position, profile });
    let document = ListDocument { etag: &draft.etag, profiles: listed.collect() };
    if list.is_empty() {
        run.out.result(&document, String::new)?;
        run.out.remark(
            "there are no profiles, no machine has a firewall of Landmark's: landmarkctl firewall profiles add NAME \
             --policy POLICY",
        );
        return Ok(Exit::Done);
    }
    run.out.result(&document, || profiles(list, &run.out.paper()))?;
    edits::remark_state(run, &draft);
    Ok(Exit::Done)
}

async fn show(run: &Run, name: &ItemName) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let draft = edits::read(&mut client).await?;
    let (position, found) = find(&draft.settings.firewall, name)?;
    run.out.result(&Listed { position, profile: found }, || profile(position, found))?;
    edits::remark_state(run, &draft);
    Ok(Exit::Done)
}

async fn add(run: &Run, arguments: Add) -> Result<Exit, Failure> {
    let Add { name, policy, conditions, disabled, place, etag } = arguments;
    let path = Path::root().field("edits").index(0).field("add_firewall_profile");
    let doing = "add this profile";
    let new = Profile {
        name: name.to_string(),
        enabled: !disabled,
        policy: policy.to_string(),
        conditions: with(Conditions::default(), &conditions, &Any::default()),
    };
    let origins = origins(&path, &name, &new).with(format!("{path}.position"), "the place");
    let profile = new.to_model(&path.field("profile"));
    let profile = profile.map_err(|broken| unusable(doing, &broken, &origins))?;
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let spot = spot_of(place);
    let names = names(&before.settings.firewall);
    let position = spot.map(|spot| place_of(&spot, &names, None, LIST)).transpose()?;
    let save = Save {
        doing,
        edits: vec![Edit::Firewall(FirewallEdit::AddProfile { profile, position })],
        origins,
        // A place that was counted in the list as read is only right in that list.
        etag: etag.etag.or_else(|| position.map(|_| before.etag.clone())),
    };
    let after = edits::save(run, &mut client, &before, save).await?;
    edits::tell(run, &after, &[told("added", &name, &after)])?;
    remark_reach(run, &name, &after);
    Ok(Exit::Done)
}

async fn edit(run: &Run, arguments: Change) -> Result<Exit, Failure> {
    if arguments.is_empty() {
        let name = argument(arguments.name.as_str());
        return Err(Failure::usage(format!("what shall become of {name}?")).hint(
            "give --policy, --name, --enable, --disable, a condition (--location …) or --any-location …",
        ));
    }
    let Change { name, new_name, policy, conditions, any, enable, disable, etag } = arguments;
    let path = Path::root().field("edits").index(0).field("edit_firewall_profile");
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let (_, old) = find(&before.settings.firewall, &name)?;
    let changed = Profile {
        name: new_name.as_ref().unwrap_or(&name).to_string(),
        enabled: enable || (old.enabled && !disable),
        policy: policy.map_or_else(|| old.policy.clone(), |policy| policy.to_string()),
        conditions: with(old.conditions.clone(), &conditions, &any),
    };
    let mut origins = origins(&path, &name, &changed);
    if new_name.is_some() {
        origins.add(format!("{path}.profile.name"), "--name");
    }
    let after = put(run, &mut client, &before, &name, &changed, (origins, etag)).await?;
    let mut done = Vec::new();
    if let Some(new_name) = new_name.as_ref().filter(|new_name| **new_name != name) {
        done.push(format!("the profile \"{name}\" is called \"{new_name}\" now"));
    }
    let name = new_name.unwrap_or(name);
    done.push(told("changed", &name, &after));
    edits::tell(run, &after, &done)?;
    remark_reach(run, &name, &after);
    Ok(Exit::Done)
}

/// Puts a profile in the place of the one with this name, in the draft as it was read.
async fn put(
    run: &Run,
    client: &mut crate::client::Client,
    before: &Draft,
    name: &ItemName,
    new: &Profile,
    (origins, etag): (Origins, Etag),
) -> Result<Draft, Failure> {
    let doing = "edit this profile";
    let path = Path::root().field("edits").index(0).field("edit_firewall_profile");
    let profile = new.to_model(&path.field("profile"));
    let profile = profile.map_err(|broken| unusable(doing, &broken, &origins))?;
    let edit = FirewallEdit::ChangeProfile { name: name.clone(), profile };
    let save = Save {
        doing,
        edits: vec![Edit::Firewall(edit)],
        origins,
        // What was not given was taken from what was read.
        etag: etag.etag.or_else(|| Some(before.etag.clone())),
    };
    edits::save(run, client, before, save).await
}

async fn enable(run: &Run, name: ItemName, enabled: bool, etag: Etag) -> Result<Exit, Failure> {
    let path = Path::root().field("edits").index(0).field("edit_firewall_profile");
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let (_, old) = find(&before.settings.firewall, &name)?;
    let changed = Profile { enabled, ..old.clone() };
    let origins = origins(&path, &name, &changed);
    let after = put(run, &mut client, &before, &name, &changed, (origins, etag)).await?;
    let word = if enabled { "enabled" } else { "disabled" };
    let done = if old.enabled == enabled {
        format!("the profile \"{name}\" was {word} already")
    } else {
        format!("the profile \"{name}\" is {word}")
    };
    edits::tell(run, &after, &[done])?;
    if enabled {
        remark_reach(run, &name, &after);
    }
    Ok(Exit::Done)
}

async fn shift(run: &Run, name: &ItemName, place: Place, etag: Etag) -> Result<Exit, Failure> {
    let spot = spot_of(place).ok_or_else(|| nowhere(name))?;
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let firewall = &before.settings.firewall;
    find(firewall, name)?;
    let position = place_of(&spot, &names(firewall), Some(name.as_str()), LIST)?;
    let path = "edits[0].move_firewall_profile";
    let origins = Origins::none().with(path, name.to_string()).with(format!("{path}.position"), "the place");
    let edit = FirewallEdit::MoveProfile { name: name.clone(), position };
    let save = Save {
        doing: "move this profile",
        edits: vec![Edit::Firewall(edit)],
        origins,
        etag: etag.etag.or_else(|| Some(before.etag.clone())),
    };
    let after = edits::save(run, &mut client, &before, save).await?;
    let done = match find(&after.settings.firewall, name) {
        Ok((place, _)) => format!("the profile \"{name}\" is at place {place} now"),
        Err(_) => format!("moved the profile \"{name}\""),
    };
    edits::tell(run, &after, &[done])?;
    remark_reach(run, name, &after);
    Ok(Exit::Done)
}

async fn remove(run: &Run, names: Vec<ItemName>, etag: Etag) -> Result<Exit, Failure> {
    let path = "edits[0].remove_firewall_profiles";
    let mut origins = Origins::none();
    for (index, name) in names.iter().enumerate() {
        origins.add(format!("{path}.names[{index}]"), name.to_string());
    }
    let what = if names.len() == 1 { "profile" } else { "profiles" };
    let done = format!("removed the {what} {}", list_of(&names));
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let edit = Edit::Firewall(FirewallEdit::RemoveProfiles(names));
    let save = Save { doing: "remove this", edits: vec![edit], origins, etag: etag.etag };
    let after = edits::save(run, &mut client, &before, save).await?;
    edits::tell(run, &after, &[done])?;
    if after.settings.firewall.profiles.iter().all(|profile| !profile.enabled) {
        run.out.remark("once that is assigned no machine has a firewall of Landmark's");
    }
    Ok(Exit::Done)
}

/// The place, from 1, and the profile.
fn find<'a>(firewall: &'a Firewall, name: &ItemName) -> Result<(usize, &'a Profile), Failure> {
    let found = (1..).zip(&firewall.profiles).find(|(_, profile)| profile.name == name.as_str());
    let names = firewall.profiles.iter().map(|profile| profile.name.as_str());
    found.ok_or_else(|| unknown(&format!("no firewall profile \"{name}\""), name, names, "profiles list"))
}

fn names(firewall: &Firewall) -> Vec<&str> {
    firewall.profiles.iter().map(|profile| profile.name.as_str()).collect()
}

/// What is given of a kind takes the place of all of that kind.
fn with(mut conditions: Conditions, given: &Given, any: &Any) -> Conditions {
    let Given { locations, addresses, host_names, platforms, labels } = given;
    if !locations.is_empty() || any.any_location {
        conditions.locations = locations.iter().copied().map(Some).collect();
    }
    if !addresses.is_empty() || any.any_address {
        conditions.addresses = addresses.iter().map(ToString::to_string).collect();
    }
    if !host_names.is_empty() || any.any_host_name {
        conditions.host_names = host_names.iter().map(ToString::to_string).collect();
    }
    if !platforms.is_empty() || any.any_platform {
        conditions.platforms = platforms.iter().copied().map(Some).collect();
    }
    if !labels.is_empty() || any.any_label {
        conditions.labels = labels.iter().map(ToString::to_string).collect();
    }
    conditions
}

/// `added the profile "x" at place 1: policy "Travel" for external; host name laptop-*`.
fn told(deed: &str, name: &ItemName, after: &Draft) -> String {
    match find(&after.settings.firewall, name) {
        Ok((place, profile)) => {
            format!("{deed} the profile \"{name}\" at place {place}: {}", profile_words(profile))
        }
        Err(_) => format!("{deed} the profile \"{name}\""),
    }
}

/// What keeps a profile from ever being a machine's own, if anything plain to see does.
fn remark_reach(run: &Run, name: &ItemName, after: &Draft) {
    if let Some(remark) = unreached(&after.settings.firewall, name) {
        run.out.remark(remark);
    }
}

fn unreached(firewall: &Firewall, name: &ItemName) -> Option<String> {
    let (place, profile) = find(firewall, name).ok()?;
    let word = argument(name.as_str());
    if !profile.enabled {
        return Some(format!(
            "it matches no machine while it is disabled: landmarkctl firewall profiles enable {word}"
        ));
    }
    let mut above = firewall.profiles.iter().take(place - 1);
    let all = above.find(|other| other.enabled && other.conditions == Conditions::default())?;
    let other = argument(&all.name);
    Some(format!(
        "no machine gets it: \"{}\" stands above it and matches every machine; landmarkctl firewall profiles move {word} \
         --before {other}",
        all.name
    ))
}

/// Which argument each value comes from.
fn origins(path: &Path, name: &ItemName, profile: &Profile) -> Origins {
    let at = format!("{path}.profile.conditions");
    let mut origins = Origins::none()
        .with(format!("{path}"), name.to_string())
        .with(format!("{path}.profile.policy"), "--policy")
        .with(format!("{at}.locations"), "--location")
        .with(format!("{at}.addresses"), "--address")
        .with(format!("{at}.host_names"), "--host-name")
        .with(format!("{at}.platforms"), "--platform")
        .with(format!("{at}.labels"), "--label");
    let Conditions { locations: _, addresses, host_names, platforms: _, labels } = &profile.conditions;
    for (field, option, values) in [
        ("addresses", "--address", addresses),
        ("host_names", "--host-name", host_names),
        ("labels", "--label", labels),
    ] {
        for (index, value) in values.iter().enumerate() {
            origins.add(format!("{at}.{field}[{index}]"), format!("{option} {value}"));
        }
    }
    origins
}

#[cfg(test)]
mod tests;
