//! `landmarkctl firewall policies`: levels and modes.

use landmark_proto::firewall as model;
use landmark_proto::firewall::ItemName;
use serde::Serialize;

use super::find_policy;
use crate::cli::edits::Etag;
use crate::cli::firewall::policies::{Add, Edit as Change, Policies};
use crate::client::{Edit, FirewallEdit};
use crate::command::Run;
use crate::command::edits::{self, Save};
use crate::errors::{Exit, Failure, Origins};
use crate::render::firewall::{argument, level_words, list_of, mode_words, n_exceptions, policies, policy};
use crate::view::firewall::{Firewall, Policy};

pub(super) async fn run(run: &Run, command: Policies) -> Result<Exit, Failure> {
    match command {
        Policies::List => list(run).await,
        Policies::Show { name } => show(run, &name).await,
        Policies::Add(arguments) => add(run, arguments).await,
        Policies::Edit(arguments) => edit(run, arguments).await,
        Policies::Remove { names, etag } => remove(run, names, etag).await,
    }
}

#[derive(Serialize)]
struct ListDocument<'a> {
    etag: &'a str,
    policies: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    policy: &'a Policy,
    /// The names of the profiles that give it to machines.
    used_by: Vec<&'a str>,
}

fn listed<'a>(policy: &'a Policy, firewall: &'a Firewall) -> Listed<'a> {
    Listed { policy, used_by: firewall.users_of(&policy.name).collect() }
}

async fn list(run: &Run) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let draft = edits::read(&mut client).await?;
    let firewall = &draft.settings.firewall;
    let document = ListDocument {
        etag: &draft.etag,
        policies: firewall.policies.iter().map(|policy| listed(policy, firewall)).collect(),
    };
    if firewall.policies.is_empty() {
        run.out.result(&document, String::new)?;
        run.out.remark("there are no policies: landmarkctl firewall policies add NAME --level medium");
        return Ok(Exit::Done);
    }
    run.out.result(&document, || policies(firewall, &run.out.paper()))?;
    edits::remark_state(run, &draft);
    Ok(Exit::Done)
}

async fn show(run: &Run, name: &ItemName) -> Result<Exit, Failure> {
    let mut client = run.client().await?;
    let draft = edits::read(&mut client).await?;
    let firewall = &draft.settings.firewall;
    let found = find_policy(firewall, name)?;
    run.out.result(&listed(found, firewall), || policy(found, firewall, &run.out.paper()))?;
    edits::remark_state(run, &draft);
    Ok(Exit::Done)
}

async fn add(run: &Run, arguments: Add) -> Result<Exit, Failure> {
    let Add { name, level, observe, from_template, etag } = arguments;
    let path = "edits[0].add_firewall_policy";
    let origins = Origins::none()
        .with(path, name.to_string())
        .with(format!("{path}.policy.level"), "--level")
        .with(format!("{path}.from_template"), "--from-template");
    let new = model::Policy {
        name: name.clone(),
        level: level.to_model(),
        mode: if observe { model::Mode::Observe } else { model::Mode::Enforce },
        exceptions: model::Exceptions::default(),
    };
    let edit = Edit::Firewall(FirewallEdit::AddPolicy { policy: new, from_template });
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let save = Save { doing: "add this policy", edits: vec![edit], origins, etag: etag.etag };
    let after = edits::save(run, &mut client, &before, save).await?;
    let firewall = &after.settings.firewall;
    edits::tell(run, &after, &[told("added", &name, firewall)])?;
    let word = argument(name.as_str());
    if firewall.policy(&name).is_some_and(|policy| policy.exceptions.is_empty()) {
        run.out.remark(format!(
            "it has no exceptions: landmarkctl firewall exceptions add {word} NAME --allow …"
        ));
    }
    run.out.remark(format!(
        "no profile gives it to machines yet: landmarkctl firewall profiles add NAME --policy {word} …"
    ));
    Ok(Exit::Done)
}

async fn edit(run: &Run, arguments: Change) -> Result<Exit, Failure> {
    let new_mode = arguments.mode();
    let Change { name, new_name, level, observe: _, enforce: _, etag } = arguments;
    let path = "edits[0].edit_firewall_policy";
    let origins = Origins::none()
        .with(path, name.to_string())
        .with(format!("{path}.new_name"), "--name")
        .with(format!("{path}.new_level"), "--level")
        .with(format!("{path}.new_mode"), "--observe or --enforce");
    let edit = Edit::Firewall(FirewallEdit::ChangePolicy {
        name: name.clone(),
        new_name: new_name.clone(),
        new_level: level.map(|level| level.to_model()),
        new_mode: new_mode.map(|mode| mode.to_model()),
    });
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let save = Save { doing: "edit this policy", edits: vec![edit], origins, etag: etag.etag };
    let after = edits::save(run, &mut client, &before, save).await?;
    let mut done = Vec::new();
    if let Some(new_name) = new_name.as_ref().filter(|new_name| **new_name != name) {
        done.push(format!("the policy \"{name}\" is called \"{new_name}\" now, also in its profiles"));
    }
    done.push(told("changed", new_name.as_ref().unwrap_or(&name), &after.settings.firewall));
    edits::tell(run, &after, &done)?;
    Ok(Exit::Done)
}

/// `changed the policy "Travel": level high (…), enforce (…), 3 exceptions`.
fn told(deed: &str, name: &ItemName, firewall: &Firewall) -> String {
    let Some(policy) = firewall.policy(name) else { return format!("{deed} the policy \"{name}\"") };
    format!(
        "{deed} the policy \"{name}\": level {}; {}; {}",
        level_words(policy.level),
        mode_words(policy.mode),
        n_exceptions(policy.exceptions.len())
    )
}

async fn remove(run: &Run, names: Vec<ItemName>, etag: Etag) -> Result<Exit, Failure> {
    let path = "edits[0].remove_firewall_policies";
    let mut origins = Origins::none();
    for (index, name) in names.iter().enumerate() {
        origins.add(format!("{path}.names[{index}]"), name.to_string());
    }
    let what = if names.len() == 1 { "policy" } else { "policies" };
    let done = format!("removed the {what} {}", list_of(&names));
    let mut client = run.client().await?;
    let before = edits::read(&mut client).await?;
    let edit = Edit::Firewall(FirewallEdit::RemovePolicies(names));
    let save = Save { doing: "remove this", edits: vec![edit], origins, etag: etag.etag };
    let after = edits::save(run, &mut client, &before, save).await?;
    edits::tell(run, &after, &[done])?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_told_with_what_it_means() {
        let firewall = Firewall::default();
        let name = |text: &str| text.parse::<ItemName>().unwrap();
        assert_eq!(
            told("changed", &name("All access"), &firewall),
            "changed the policy \"All access\": level low (inbound and outbound allowed); enforce (what is blocked is \
             dropped); no exceptions"
        );
        assert_eq!(told("added", &name("x"), &firewall), "added the policy \"x\"");
    }

    #[test]
    fn a_listed_policy_names_its_profiles() {
        let firewall = Firewall::default();
        let document = serde_json::to_string(&listed(&firewall.policies[0], &firewall)).unwrap();
        assert_eq!(
            document,
            r#"{"name":"All access","level":"low","mode":"enforce","exceptions":[],"used_by":["All agents"]}"#
        );
    }
}
