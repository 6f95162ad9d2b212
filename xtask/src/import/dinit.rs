//! Service descriptions of dinit (dinit-service(5)). An internal service becomes a target, every other type a service,
//! `socket-listen` a socket unit beside it.

mod description;
mod service;

use std::collections::BTreeMap;

use super::{
    Input, entries,
    unit::{self, Section, UnitText},
};
use crate::diag::{Code, Diagnostic, Diagnostics};
use description::{Description, Setting};
use service::Service;

/// Entries of a `waits-for.d` directory.
const LINKS_MAX: usize = 1000;

/// The units that the descriptions `inputs` make.
pub fn import(inputs: &[Input], sink: &mut Diagnostics) -> Vec<UnitText> {
    let descriptions: Vec<Description> = inputs
        .iter()
        .map(|input| {
            let lines = entries(input, sink);
            Description::new(input, &lines, sink)
        })
        .collect();
    let names: Names = descriptions.iter().map(|one| (one.name.clone(), one.unit_name())).collect();
    let mut units = Vec::new();
    for description in &descriptions {
        if description.settings.is_empty() && !sink.has_errors() {
            let message = format!("{}: no setting NAME = VALUE", description.path.display());
            sink.push(Diagnostic::error(Code::NothingToImport, message));
        }
        let mut unit = description.new_unit();
        dependencies(description, &names, &mut unit);
        match description.kind() {
            "internal" => target(description, &mut unit),
            _ => {
                let mut service = Service::new(description, &names, unit);
                description.settings.iter().for_each(|setting| service.setting(setting));
                let (service, socket) = service.finish(sink);
                unit = service;
                units.extend(socket);
            }
        }
        if description.name == "boot" {
            let message =
                format!("this is what dinit starts: board.toml says default-target = \"{}\"", unit.name);
            unit.lost(
                Diagnostic::note(Code::KeptOtherwise, message)
                    .at(description.settings.first().map(|one| one.name.place(0))),
            );
        }
        units.push(unit);
    }
    units
}

/// Names of services, and of the units they became.
type Names = BTreeMap<String, String>;

/// The unit that the service `name` is; one that is not imported along is taken for a service.
fn unit_of(name: &str, names: &Names) -> String {
    let known = names.get(name).or_else(|| names.get(name.split_once('@')?.0));
    match (known, name.split_once('@')) {
        (Some(known), None) => known.clone(),
        (Some(known), Some(_)) => {
            unit::name(name, if known.ends_with(".target") { "target" } else { "service" })
        }
        (None, _) => unit::name(name, "service"),
    }
}

fn dependencies(description: &Description, names: &Names, unit: &mut UnitText) {
    for setting in &description.settings {
        let other = unit_of(&setting.value, names);
        match setting.name.as_str() {
            "depends-on" => unit.requires(&other),
            "depends-ms" => {
                unit.requires(&other);
                let message = format!("when {other} is stopped, this unit is too; dinit lets it run");
                unit.lost(setting.on(Diagnostic::note(Code::KeptOtherwise, message)));
            }
            "waits-for" => unit.wants(&other),
            "after" => unit.after(&other),
            "before" => unit.list(Section::Unit, "Before", &other),
            "chain-to" => unit.list(Section::Unit, "OnSuccess", &other),
            "waits-for.d" => {
                folder(description, setting, unit).iter().for_each(|name| unit.wants(&unit_of(name, names)));
            }
            "depends-on.d" | "depends-ms.d" => {
                folder(description, setting, unit)
                    .iter()
                    .for_each(|name| unit.requires(&unit_of(name, names)));
            }
            _ => {}
        }
    }
}

/// The names in the directory of a setting such as `waits-for.d`, sorted.
fn folder(description: &Description, setting: &Setting, unit: &mut UnitText) -> Vec<String> {
    let directory = description.path.parent().unwrap_or(&description.path).join(&setting.value);
    let Ok(read) = std::fs::read_dir(&directory) else {
        let message = format!("cannot read the directory {}", setting.value);
        let help = "what it names is wanted: add it to Wants= and After=";
        unit.lost(setting.on(Diagnostic::warning(Code::NotKept, message).help(help)));
        return Vec::new();
    };
    let names = read.take(LINKS_MAX).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// An internal service.
fn target(description: &Description, unit: &mut UnitText) {
    for setting in &description.settings {
        let name = setting.name.as_str();
        if description::is_dependency(name) || matches!(name, "type" | "description") {
            continue;
        }
        // Nothing runs, so what says how it runs is no loss.
        if !description::is_known(name) {
            unit.lost(setting.unknown());
        }
    }
}
