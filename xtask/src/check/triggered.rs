//! Whether the units that sockets, timers and paths start are there. Looks at whole folders only: a file that is checked
//! by itself may well have its other half elsewhere.

use super::files::Files;
use crate::{
    diag::{Code, Diagnostic, Diagnostics, closest},
    model::{Kind, Unit},
};

/// Warns of units that would start nothing.
pub fn check(units: &[Unit], files: &Files, sink: &mut Diagnostics) {
    let templates = files.templates.iter().map(|template| template.name.full.as_str());
    let aliases = units.iter().flat_map(|unit| unit.install.aliases.iter().map(|alias| alias.value.as_str()));
    let known: Vec<&str> =
        units.iter().map(|unit| unit.name.as_str()).chain(templates).chain(aliases).collect();
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
