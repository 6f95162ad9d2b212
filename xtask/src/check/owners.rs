//! Whole-set check: directories, socket addresses, bus names and PID files that more than one unit has for its own.

use std::collections::BTreeMap;

use super::draft::Cx;
use crate::{
    diag::{Code, Diagnostic, Diagnostics},
    model::{Claim, Kind, Located, Owned, Unit},
    read::Assignment,
    values::{path, scalar},
};

/// Takes a line of [Socket] down that claims an address.
pub fn listen(a: &Assignment, claims: &mut Vec<Claim>, cx: &Cx) {
    let key = a.key.as_str();
    if key == "ReusePort" && scalar::boolean(&a.value) == Ok(true) {
        claims.retain(|claim| claim.owned != Owned::Address || claim.name.value.starts_with(['/', '@']));
        return;
    }
    if !key.starts_with("Listen") {
        return;
    }
    if a.value.is_empty() {
        claims.retain(|claim| claim.owned != Owned::Address); // any empty one takes all back
        return;
    }
    let Ok(text) = cx.specifiers.expand(&a.value) else { return };
    let written = text.as_str();
    let name = match written.chars().next() {
        Some('/') => path::simplify(written),
        Some('@') => written.to_owned(),
        // A port alone is that port of all addresses; and another socket type has ports of its own.
        Some(_) if written.bytes().all(|byte| byte.is_ascii_digit()) => format!("{key} [::]:{written}"),
        _ => format!("{key} {written}"),
    };
    let name = Located { value: name, place: Some(a.value.place(0)) };
    claims.push(Claim { owned: Owned::Address, key: key.to_owned(), name });
}

/// Adds what a finished `unit` claims besides.
pub fn of_unit(unit: &mut Unit, cx: &Cx) {
    let place = |key: &str| cx.written.get(key).map(|a| a.value.place(0));
    let mut claims = Vec::new();
    for (key, owned) in [("PIDFile", Owned::PidFile), ("BusName", Owned::BusName)] {
        let Some(a) = cx.written.get(key).filter(|a| !a.value.is_empty()) else { continue };
        let Ok(text) = cx.specifiers.expand(&a.value) else { continue };
        let name = match owned {
            Owned::PidFile if !text.as_str().starts_with('/') => format!("/run/{}", text.as_str()),
            _ => text.as_str().to_owned(),
        };
        let name = Located { value: name, place: place(key) };
        claims.push(Claim { owned, key: key.to_owned(), name });
    }
    if let Some(exec) = unit.kind.exec_mut() {
        for directories in &exec.directories {
            let key = directories.kind.setting();
            let owned = if key == "RuntimeDirectory" { Owned::RuntimeDirectory } else { Owned::Directory };
            for name in &directories.names {
                let value = format!("{}/{name}", directories.kind.prefix());
                let name = Located { value, place: place(key) };
                claims.push(Claim { owned, key: key.to_owned(), name });
            }
        }
    }
    unit.claims.append(&mut claims);
}

/// Complains about everything that several of `units` claim, once for each.
pub fn check(units: &[Unit], sink: &mut Diagnostics) {
    let mut owners: BTreeMap<(Owned, &str), Vec<(&Unit, &Claim)>> = BTreeMap::new();
    for unit in units {
        for claim in &unit.claims {
            let owners = owners.entry((claim.owned, claim.name.value.as_str())).or_default();
            if owners.last().is_none_or(|(other, _)| other.name != unit.name) {
                owners.push((unit, claim));
            }
        }
    }
    for ((owned, name), owners) in owners {
        let [first, second, ..] = owners[..] else { continue };
        if let Some(why) = trouble(owned, first.0, second.0) {
            sink.push(report(name, why, first, second, owners.len()));
        }
    }
}

fn report(
    name: &str,
    why: &str,
    (first, before): (&Unit, &Claim),
    (unit, claim): (&Unit, &Claim),
    count: usize,
) -> Diagnostic {
    let message = format!("{}={}: {} has it too: {why}", claim.key, shown(name), first.name);
    let place = before
        .name
        .place
        .as_ref()
        .map(|place| format!("{}:{}:{}: {}", place.file.display(), place.line, place.column, before.key));
    let mut problem = Diagnostic::warning(Code::SharedOwner, message).at(claim.name.place.clone());
    problem.help.extend(place.map(|place| format!("{place} of {}", first.name)));
    if count > 2 {
        problem = problem.help(format!("{count} units have it, {} among them", unit.name));
    }
    problem
}

/// An address without the key that tells its type.
fn shown(name: &str) -> &str {
    name.split_once(' ').map_or(name, |(_, address)| address)
}

/// What goes wrong when two units have the same thing; `None` if nothing does.
fn trouble(owned: Owned, one: &Unit, other: &Unit) -> Option<&'static str> {
    let exclude = |one: &Unit, other: &Unit| {
        let mut conflicts = one.relations.iter().filter(|(relation, _)| relation.setting() == "Conflicts");
        conflicts.any(|(_, name)| name.value == other.name)
    };
    if exclude(one, other) || exclude(other, one) {
        return None; // they never run at the same time
    }
    match owned {
        Owned::RuntimeDirectory | Owned::Directory => match (users(one), users(other)) {
            (Some(one), Some(other)) if one != other => {
                Some("they run as different users, and each start gives it to the other one")
            }
            _ if owned == Owned::Directory || preserves(one) && preserves(other) => None,
            _ => Some("it is removed when the first of them stops"),
        },
        Owned::Address => Some("only one of them can listen there"),
        Owned::BusName => Some("only one of them can own it"),
        Owned::PidFile => Some("each takes the other's process for its own"),
    }
}

fn users(unit: &Unit) -> Option<&str> {
    match &unit.kind {
        Kind::Service(service) => Some(match service.exec.user.value.as_str() {
            "" | "root" | "0" => "root",
            user => user,
        }),
        Kind::Target
        | Kind::Socket(_)
        | Kind::Timer
        | Kind::Path
        | Kind::Mount(_)
        | Kind::Swap(_)
        | Kind::Slice => None,
    }
}

fn preserves(unit: &Unit) -> bool {
    unit.kind
        .service()
        .is_some_and(|service| service.exec.runtime_directory_preserve == tomte::table::Preserve::Yes)
}
