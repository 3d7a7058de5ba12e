//! The gateways of the company's networks, for the criterion *gateway*.

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use landmark_proto::network::MacAddress;
use landmark_proto::wire;
use landmark_proto::wire::edit::{AddGateways, Kind, ReplaceGateways};

use super::super::Console;
use super::super::changes::{self, Line};
use super::super::fields::Fields;
use super::super::form::Errors;
use super::super::format::counted;
use super::super::mount::Mount;
use super::super::problem::Problem;
use super::super::saving::Version;
use super::super::visit::Visit;
use super::{Unsaved, here, refused, unreadable};

const ANY: &str = "any hardware";

pub(super) fn mount(mount: Mount) -> Mount {
    mount.post("/location/gateways", add).post("/location/gateways/delete", delete)
}

/// The list, as the page shows it.
pub(super) struct Gateways {
    pub(super) rows: Vec<Row>,
    /// What agents still hold, and the draft does not.
    pub(super) removed: Vec<Line>,
    pub(super) errors: Errors,
}

/// One gateway.
pub(super) struct Row {
    /// Names it in the form: address, and hardware address if there is one.
    pub(super) name: String,
    pub(super) address: String,
    /// `any hardware`, if there is none.
    pub(super) hardware: String,
    pub(super) is_new: bool,
}

impl Gateways {
    pub(super) fn new(gateways: Vec<wire::Gateway>, changes: &[Line], errors: Errors) -> Self {
        let row = |gateway: wire::Gateway| {
            let hardware = hardware(&gateway).unwrap_or_else(|| ANY.to_owned());
            let is_same = |line: &Line| {
                line.kind == changes::Kind::Added
                    && changes::gateway_of(&line.path) == Some(gateway.address.as_str())
                    && line.after == hardware
            };
            let is_new = changes.iter().any(is_same);
            Row { name: name_of(&gateway), hardware, is_new, address: gateway.address }
        };
        let is_removed =
            |line: &&Line| line.kind == changes::Kind::Removed && changes::gateway_of(&line.path).is_some();
        Self {
            rows: gateways.into_iter().map(row).collect(),
            removed: changes.iter().filter(is_removed).cloned().collect(),
            errors,
        }
    }
}

fn hardware(gateway: &wire::Gateway) -> Option<String> {
    MacAddress::try_from(&gateway.mac[..]).ok().map(|mac| mac.to_string())
}

/// `10.0.0.1` or `10.0.0.1 00:11:22:aa:bb:cc`.
fn name_of(gateway: &wire::Gateway) -> String {
    match hardware(gateway) {
        Some(hardware) => format!("{} {hardware}", gateway.address),
        None => gateway.address.clone(),
    }
}

/// The form as it was typed.
#[derive(Clone, Debug, Default)]
pub(super) struct Typed {
    pub(super) address: String,
    pub(super) mac: String,
    pub(super) errors: Errors,
}

impl Typed {
    pub(super) const FIELDS: &[&str] = &["address", "mac"];
}

async fn add(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let mut typed = Typed {
        address: fields.text("address").to_owned(),
        mac: fields.text("mac").to_owned(),
        errors: Errors::default(),
    };
    let mac = match typed.mac.as_str() {
        "" => Bytes::new(),
        text => match text.parse::<MacAddress>() {
            Ok(mac) => Bytes::copy_from_slice(mac.as_bytes()),
            Err(error) => {
                typed.errors.push("mac", error.to_string());
                let unsaved = Unsaved { gateway: typed, ..Unsaved::default() };
                return unreadable((&console, &visit, &fields), unsaved).await;
            }
        },
    };
    let gateway = wire::Gateway { address: typed.address.clone(), mac };
    let kind = Kind::AddGateways(AddGateways { gateways: vec![gateway] });
    match console.save(&visit, &fields, kind).await {
        Ok(saved) => {
            let text = saved.words(format!("gateway {}.", typed.address));
            Ok(console.done(&visit, &here(&fields, "gateway-address"), text))
        }
        Err(error) => {
            let versions = |settings: &wire::Settings| {
                let same = settings.gateways.iter().filter(|gateway| gateway.address == typed.address);
                let saved: Vec<String> =
                    same.map(|gateway| hardware(gateway).unwrap_or_else(|| ANY.to_owned())).collect();
                let saved = if saved.is_empty() { "not on the list".to_owned() } else { saved.join(", ") };
                let mine = if typed.mac.is_empty() { ANY } else { &typed.mac };
                vec![Version::new(format!("Gateway {}", typed.address), saved, mine)]
            };
            let unsaved =
                |errors| Unsaved { gateway: Typed { errors, ..typed.clone() }, ..Unsaved::default() };
            refused((&console, &visit, &fields), error, versions, unsaved).await
        }
    }
}

/// By putting those that stay in their place: of two entries with one address, only the one that was chosen goes.
async fn delete(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Problem> {
    let names: Vec<&str> = fields.all("gateway").collect();
    if names.is_empty() {
        let unsaved = gateway_errors(Errors::at("", "choose at least one gateway"));
        return unreadable((&console, &visit, &fields), unsaved).await;
    }
    let settings = console.draft().await?.settings.unwrap_or_default();
    let is_left = |gateway: &wire::Gateway| !names.contains(&name_of(gateway).as_str());
    let left = settings.gateways.into_iter().filter(is_left).collect();
    let kind = Kind::ReplaceGateways(ReplaceGateways { gateways: left });
    match console.save(&visit, &fields, kind).await {
        Ok(saved) => {
            let n_gone = u64::try_from(names.len()).unwrap_or(u64::MAX);
            let text = saved.words(format!("{} deleted.", counted(n_gone, "gateway", "gateways")));
            Ok(console.done(&visit, &here(&fields, "gateways"), text))
        }
        Err(error) => {
            let versions = |settings: &wire::Settings| {
                let version = |name: &&str| {
                    let is_there = settings.gateways.iter().any(|gateway| name_of(gateway) == **name);
                    let saved = if is_there { "on the list" } else { "not on the list" };
                    Version::new(format!("Gateway {name}"), saved, "deleted")
                };
                names.iter().map(version).collect()
            };
            refused((&console, &visit, &fields), error, versions, gateway_errors).await
        }
    }
}

fn gateway_errors(errors: Errors) -> Unsaved {
    Unsaved { gateway_errors: errors, ..Unsaved::default() }
}
