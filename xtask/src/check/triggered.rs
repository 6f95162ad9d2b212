//! Whether the units that sockets, timers and paths start are there, and hold what comes to them to their settings. Looks at whole folders only: a file that is checked
//! by itself may well have its other half elsewhere.

use super::files::Files;
use crate::{
    diag::{Code, Diagnostic, Diagnostics, closest},
    model::{Kind, Unit},
};

/// Warns of units that would start nothing, and of what a service's settings do not reach.
pub fn check(units: &[Unit], files: &Files, sink: &mut Diagnostics) {
    let templates = files.templates.iter().map(|template| template.name.full.as_str());
    let aliases = units.iter().flat_map(|unit| unit.install.aliases.iter().map(|alias| alias.value.as_str()));
    let known: Vec<&str> =
        units.iter().map(|unit| unit.name.as_str()).chain(templates).chain(aliases).collect();
    units.iter().for_each(|unit| unwalled(unit, units, sink));
    for unit in units {
        let Some(other) = unit.kind.triggers().filter(|other| !other.value.is_empty()) else { continue };
        if known.contains(&other.value.as_str()) {
            continue;
        }
        let message = format!("{}: there is no {} that it could start", unit.name, other.value);
        let problem = Diagnostic::warning(Code::MissingUnit, message).at(other.place.clone());
        let problem = problem.wide(other.value.chars().count());
        sink.push(match closest(&other.value, known.iter().copied().filter(|name| *name != unit.name)) {
            Some(near) => problem.help(format!("did you mean \"{near}\"?")),
            None => problem,
        });
    }
}

/// Packets are judged by who made their socket: what comes over one of PID 1's is not by the service that it is passed to.
/// (systemd has the same rule, but lets the socket have settings of its own.)
fn unwalled(unit: &Unit, units: &[Unit], sink: &mut Diagnostics) {
    let Kind::Socket(socket) = &unit.kind else { return };
    let name = &socket.service.value;
    let Some(listen) = socket.listen.iter().find(|one| one.value.is_ip()) else { return };
    let passed_to = units.iter().find(|other| other.name == *name);
    let resources = passed_to.and_then(|service| service.kind.resources());
    if resources.is_some_and(|resources| !resources.ip_address_deny.is_empty()) {
        let message = format!(
            "{}: IPAddressDeny= of {name} does not judge what comes to this socket, for PID 1 makes it",
            unit.name
        );
        let problem = Diagnostic::warning(Code::WithoutEffect, message).at(listen.place.clone());
        sink.push(problem.help("a service that opens its own socket is held to it"));
    }
}

/// The template whose instances `unit` starts, one for each connection.
pub fn template_of(unit: &Unit) -> Option<&str> {
    match &unit.kind {
        Kind::Socket(socket) if socket.accept => Some(&socket.service.value),
        Kind::Target
        | Kind::Service(_)
        | Kind::Socket(_)
        | Kind::Timer(_)
        | Kind::Path(_)
        | Kind::Mount(_)
        | Kind::Swap(_)
        | Kind::Slice(_)
        | Kind::Device(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::{check, diag::Diagnostics};

    fn said(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("writable");
        }
        let mut sink = Diagnostics::default();
        check::load(&[folder.path().to_owned()], &mut sink);
        sink.iter().map(|problem| problem.message.clone()).collect()
    }

    const SERVICE: &str = "[Service]\nExecStart=/bin/true\n";

    #[test]
    fn what_would_start_nothing_is_told() {
        for (unit, text, missing) in [
            ("a.timer", "[Timer]\nOnBootSec=1\n", "a.timer: there is no a.service that it could start"),
            (
                "b.path",
                "[Path]\nUnit=c.target\nPathExists=/x\n",
                "b.path: there is no c.target that it could start",
            ),
            ("d.socket", "[Socket]\nListenStream=1\n", "d.socket: there is no d.service that it could start"),
            (
                "e.socket",
                "[Socket]\nListenStream=1\nAccept=yes\n",
                "e.socket: there is no e@.service that it could start",
            ),
        ] {
            assert_eq!(said(&[(unit, text)]), [missing]);
        }
    }

    #[test]
    fn what_comes_to_pid_1s_socket_is_judged_by_no_service() {
        let service = "[Service]\nExecStart=/bin/true\nIPAddressDeny=any\n";
        for (listen, warned) in [("80", true), ("127.0.0.1:80", true), ("/run/a", false)] {
            let socket = format!("[Socket]\nListenStream={listen}\n");
            let said = said(&[("a.socket", &socket), ("a.service", service)]);
            let expected = "a.socket: IPAddressDeny= of a.service does not judge what comes to this socket, for PID 1 makes it";
            assert_eq!(said, [expected][..usize::from(warned)], "{listen}");
        }
    }

    #[test]
    fn services_aliases_templates_and_instances_are_found() {
        let said = said(&[
            ("a.timer", "[Timer]\nOnBootSec=1\n"),
            ("a.service", SERVICE),
            ("b.path", "[Path]\nUnit=other.service\nPathExists=/x\n"),
            ("b.service", "[Service]\nExecStart=/bin/true\n[Install]\nAlias=other.service\n"),
            ("c.socket", "[Socket]\nListenStream=1\nAccept=yes\n"),
            ("c@.service", SERVICE),
            ("d.timer", "[Timer]\nOnBootSec=1\nUnit=d@x.service\n"),
            ("d@.service", SERVICE),
        ]);
        assert_eq!(said, [""; 0]);
    }
}
