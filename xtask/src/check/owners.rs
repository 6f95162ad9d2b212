//! Whole-set check: directories, socket addresses, bus names and PID files that more than one unit has for its own.

use std::collections::BTreeMap;

use super::draft::Cx;
use crate::{
    diag::{Code, Diagnostic, Diagnostics},
    model::{Claim, Kind, Listen, Located, Owned, Relation, Unit},
    values::address::Address,
};

/// Owners of one thing that are looked at.
const OWNERS_MAX: usize = 32;

/// Notes what a finished `unit` claims.
pub fn of_unit(unit: &mut Unit, cx: &Cx) {
    let mut claims = Vec::new();
    let mut claim = |owned, key: &str, value: String| {
        let place = cx.written.get(key).map(|a| a.value.place(0));
        claims.push(Claim { owned, key: key.to_owned(), name: Located { value, place } });
    };
    if let Some(a) = cx.written.get("BusName").filter(|a| !a.value.is_empty())
        && let Ok(name) = cx.specifiers.expand(&a.value)
    {
        claim(Owned::BusName, "BusName", name.as_str().to_owned());
    }
    if let Some(service) = unit.kind.service().filter(|service| !service.pid_file.is_empty()) {
        claim(Owned::PidFile, "PIDFile", service.pid_file.clone());
    }
    if let Some(exec) = unit.kind.exec_mut() {
        for directories in &exec.directories {
            let key = directories.kind.setting();
            let owned = if key == "RuntimeDirectory" { Owned::RuntimeDirectory } else { Owned::Directory };
            for name in &directories.names {
                claim(owned, key, format!("{}/{name}", directories.kind.prefix()));
            }
        }
    }
    if let Kind::Socket(socket) = &unit.kind {
        let addresses = socket.listen.iter().filter_map(|listen| address(listen, socket.reuse_port));
        claims.extend(addresses);
    }
    unit.claims = claims;
}

/// The claim to what is listened on. `shared`: several sockets may have one port.
fn address(listen: &Located<Listen>, shared: bool) -> Option<Claim> {
    let (key, protocol, address) = match &listen.value {
        Listen::Stream(address) => ("ListenStream", "tcp", address),
        Listen::Datagram(address) => ("ListenDatagram", "udp", address),
        Listen::SequentialPacket(address) => ("ListenSequentialPacket", "sctp", address),
        Listen::Fifo(path) => return Some(claim_of("ListenFIFO", path.clone(), listen)),
        Listen::MessageQueue(name) => {
            return Some(claim_of("ListenMessageQueue", format!("message queue {name}"), listen));
        }
        Listen::Special(_) | Listen::Netlink { .. } => return None, // many may listen there
    };
    let name = match address {
        Address::Path(path) => path.clone(),
        Address::Abstract(name) => format!("@{name}"),
        Address::Port(_) | Address::Inet { .. } | Address::Vsock { .. } if shared => return None,
        Address::Port(port) => format!("{protocol} port {port}"),
        Address::Inet { address, port, interface: None } if address.is_unspecified() => {
            format!("{protocol} port {port}")
        }
        Address::Inet { address, port, interface } => {
            let interface = interface.as_ref().map_or_else(String::new, |name| format!("%{name}"));
            format!("{protocol} {address}{interface} port {port}")
        }
        Address::Vsock { cid, port } => format!("vsock {cid:?} port {port}"),
    };
    Some(claim_of(key, name, listen))
}

fn claim_of(key: &str, name: String, listen: &Located<Listen>) -> Claim {
    let name = Located { value: name, place: listen.place.clone() };
    Claim { owned: Owned::Address, key: key.to_owned(), name }
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
    let message = format!("{}: {}: {name}: {} has it too: {why}", unit.name, claim.key, first.name);
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

/// What goes wrong when two units have the same thing; `None` if nothing does.
fn trouble(owned: Owned, one: &Unit, other: &Unit) -> Option<&'static str> {
    let exclude = |one: &Unit, other: &Unit| {
        let mut conflicts = one.relations.iter().filter(|(relation, _)| *relation == Relation::Conflicts);
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
    unit.kind.service().map(|service| match service.exec.user.value.as_str() {
        "" | "root" | "0" => "root",
        user => user,
    })
}

fn preserves(unit: &Unit) -> bool {
    unit.kind
        .service()
        .is_some_and(|service| service.exec.runtime_directory_preserve == tomte::table::Preserve::Yes)
}
