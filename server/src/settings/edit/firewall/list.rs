//! Lists of things with names, as policies, profiles and exceptions are: added, replaced, moved, removed. Every change is
//! made whole or not at all.

use std::collections::HashSet;
use std::fmt;

use landmark_proto::firewall::{
    Exception, Exceptions, InvalidExceptions, InvalidFirewall, ItemName, MAX_POLICIES, MAX_PROFILES, Profile,
};
use landmark_proto::violation::{Findings, Path, Violations};

use super::super::check_position;
use super::PolicyDraft;

/// Names in one message, at most.
const MAX_QUOTED: usize = 5;

/// What stands in such a list.
pub(super) trait Item: Clone {
    /// What one is called.
    const KIND: &'static str;
    /// In one list, at most.
    const MAX: usize;

    /// Unique in its list.
    fn name(&self) -> &ItemName;

    /// That so many are too many.
    fn too_many(n: usize) -> impl fmt::Display;
}

impl Item for PolicyDraft {
    const KIND: &'static str = "firewall policy";
    const MAX: usize = MAX_POLICIES;

    fn name(&self) -> &ItemName {
        &self.name
    }

    fn too_many(n: usize) -> impl fmt::Display {
        InvalidFirewall::TooManyPolicies(n)
    }
}

impl Item for Profile {
    const KIND: &'static str = "firewall profile";
    const MAX: usize = MAX_PROFILES;

    fn name(&self) -> &ItemName {
        &self.name
    }

    fn too_many(n: usize) -> impl fmt::Display {
        InvalidFirewall::TooManyProfiles(n)
    }
}

impl Item for Exception {
    const KIND: &'static str = "exception";
    const MAX: usize = Exceptions::MAX;

    fn name(&self) -> &ItemName {
        &self.name
    }

    fn too_many(n: usize) -> impl fmt::Display {
        InvalidExceptions::TooMany(n)
    }
}

/// Such a list under edit.
pub(super) struct List<'a, T> {
    items: &'a mut Vec<T>,
    /// What it is part of, for messages; `None` where there is only one.
    within: Option<String>,
}

impl<'a, T: Item> List<'a, T> {
    /// The only one of its kind.
    pub(super) fn of(items: &'a mut Vec<T>) -> Self {
        Self { items, within: None }
    }

    /// One of several.
    pub(super) fn within(items: &'a mut Vec<T>, within: String) -> Self {
        Self { items, within: Some(within) }
    }

    /// The place of what is named at `path`.
    pub(super) fn position(&self, name: &ItemName, path: &Path) -> Result<usize, Violations> {
        let place = self.items.iter().position(|item| item.name() == name);
        place.ok_or_else(|| Violations::one(path, self.missing(name)))
    }

    /// What is named at `path`.
    pub(super) fn into_item(self, name: &ItemName, path: &Path) -> Result<&'a mut T, Violations> {
        let missing = self.missing(name);
        let item = self.items.iter_mut().find(|item| item.name() == name);
        item.ok_or_else(|| Violations::one(path, missing))
    }

    fn missing(&self, name: &ItemName) -> String {
        format!("there is no {} \"{name}\"{}", T::KIND, self.where_it_is())
    }

    fn where_it_is(&self) -> String {
        self.within.as_ref().map(|within| format!(" in {within}")).unwrap_or_default()
    }

    /// Whether one more fits in.
    pub(super) fn check_room(&self, path: &Path) -> Result<(), Violations> {
        let n_then = self.items.len() + 1;
        if n_then > T::MAX { Err(Violations::one(path, T::too_many(n_then))) } else { Ok(()) }
    }

    /// Whether nothing but what stands at `own` has the name.
    pub(super) fn check_free(
        &self,
        name: &ItemName,
        own: Option<usize>,
        path: &Path,
    ) -> Result<(), Violations> {
        match self.items.iter().position(|item| item.name() == name) {
            Some(taken) if own != Some(taken) => {
                let kind = T::KIND;
                let message = format!(
                    "there is another {kind} \"{name}\"{}; edit that one, or choose another name",
                    self.where_it_is()
                );
                Err(Violations::one(path, message))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// One more, at its place or at the end. `field` is what it is called at `path`.
    pub(super) fn insert(
        &mut self,
        item: T,
        position: Option<usize>,
        path: &Path,
        field: &str,
    ) -> Result<(), Violations> {
        self.check_room(&path.field(field))?;
        let position = position.unwrap_or(self.items.len());
        let mut findings = Findings::default();
        findings.keep(self.check_free(item.name(), None, &path.field(field).field("name")));
        findings.keep(check_position(position, self.items.len(), path));
        findings.finish(Some(()))?;
        self.items.insert(position, item);
        Ok(())
    }

    /// Another in the place of one.
    pub(super) fn replace(
        &mut self,
        name: &ItemName,
        item: &T,
        path: &Path,
        field: &str,
    ) -> Result<(), Violations> {
        let place = self.position(name, &path.field("name"))?;
        self.check_free(item.name(), Some(place), &path.field(field).field("name"))?;
        if let Some(present) = self.items.get_mut(place) {
            present.clone_from(item);
        }
        Ok(())
    }

    pub(super) fn move_to(&mut self, name: &ItemName, to: usize, path: &Path) -> Result<(), Violations> {
        let from = self.position(name, &path.field("name"))?;
        check_position(to, self.items.len() - 1, path)?;
        let item = self.items.remove(from);
        self.items.insert(to, item);
        Ok(())
    }

    /// Who is named twice goes once.
    pub(super) fn remove(&mut self, names: &[ItemName], path: &Path) -> Result<(), Violations> {
        let there: HashSet<&ItemName> = self.items.iter().map(Item::name).collect();
        let mut findings = Findings::default();
        for (index, name) in names.iter().enumerate() {
            if !there.contains(name) {
                findings.push(&path.field("names").index(index), self.missing(name));
            }
        }
        findings.finish(Some(()))?;
        let gone: HashSet<&ItemName> = names.iter().collect();
        self.items.retain(|item| !gone.contains(item.name()));
        Ok(())
    }
}

/// Names for a message, as many as people read.
pub(super) fn quoted(names: &[&ItemName]) -> String {
    let first: Vec<String> = names.iter().take(MAX_QUOTED).map(|name| format!("\"{name}\"")).collect();
    match names.len().saturating_sub(MAX_QUOTED) {
        0 => first.join(", "),
        n_more => format!("{} and {n_more} more", first.join(", ")),
    }
}
