//! Whole-set check: directories, socket addresses, bus names and PID files that more than one unit has for its own.

use std::collections::BTreeMap;

use super::draft::Cx;
use crate::{
    diag::{Code, Diagnostic, Diagnostics},
    model::{Claim, Kind, Located, Owned, Unit},
    read::Assignment,
    values::{path, scalar},
};

/// Owners of one thing that are looked at.
const OWNERS_MAX: usize = 32;

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
        let owners = &owners[..owners.len().min(OWNERS_MAX)];
        let pairs = owners
            .iter()
            .enumerate()
            .flat_map(|(at, one)| owners[at + 1..].iter().map(move |other| (one, other)));
        let troubled = pairs.filter_map(|(one, other)| Some((one, other, trouble(owned, one.0, other.0)?)));
        if let Some((first, second, why)) = troubled.into_iter().next() {
            let others = owners.iter().filter(|(unit, _)| {
                unit.name != first.0.name
                    && unit.name != second.0.name
                    && trouble(owned, first.0, unit).is_some()
            });
            let others: Vec<&str> = others.map(|(unit, _)| unit.name.as_str()).collect();
            sink.push(report(name, why, *first, *second, &others));
        }
    }
}

fn report(
    name: &str,
    why: &str,
    (first, before): (&Unit, &Claim),
    (unit, claim): (&Unit, &Claim),
    others: &[&str],
) -> Diagnostic {
    let message = format!("{}: {}={}: {} has it too: {why}", unit.name, claim.key, shown(name), first.name);
    let mut problem = Diagnostic::warning(Code::SharedOwner, message).at(claim.name.place.clone());
    if let Some(place) = &before.name.place {
        let line = format!("{}:{}:{}", place.file.display(), place.line, place.column);
        problem = problem.help(format!("{line}: {}= of {}", before.key, first.name));
    }
    if !others.is_empty() {
        problem = problem.help(format!("so have {}", others.join(" ")));
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
        | Kind::Timer(_)
        | Kind::Path(_)
        | Kind::Mount(_)
        | Kind::Swap(_)
        | Kind::Slice(_) => None,
    }
}

fn preserves(unit: &Unit) -> bool {
    unit.kind
        .service()
        .is_some_and(|service| service.exec.runtime_directory_preserve == tomte::table::Preserve::Yes)
}
