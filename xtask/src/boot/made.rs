//! Units made from board.toml: text as in a unit file, and calls that no text has.

use tomte::table::{Call, CommandKind, Privilege};

use crate::{
    check,
    diag::Diagnostics,
    model::{Command, Kind, Unit},
    values::{specifier::Facts, unit_name::UnitName},
};

/// Makes units one after the other.
pub(super) struct Maker<'m> {
    pub(super) facts: &'m Facts,
    pub(super) sink: &'m mut Diagnostics,
    pub(super) units: Vec<Unit>,
}

impl Maker<'_> {
    /// Adds the unit called `name` with this text. The names are ours.
    pub(super) fn unit(&mut self, name: &str, text: &str) -> &mut Unit {
        let name = UnitName::new(name).expect("a name of ours");
        let unit = check::unit_of(name, text.as_bytes().to_vec(), self.facts.clone(), self.sink);
        self.units.push(unit);
        self.units.last_mut().expect("just pushed")
    }

    /// Adds a oneshot service whose commands come before those of the text, which has to have one.
    pub(super) fn oneshot(
        &mut self,
        name: &str,
        text: &str,
        calls: Vec<(CommandKind, Command)>,
    ) -> &mut Unit {
        let unit = self.unit(name, text);
        if let Kind::Service(service) = &mut unit.kind {
            // `ExecStart=` of the text stands for the calls: without one there would be no service.
            service.commands.retain(|(_, command)| command.path != STANDS_FOR_CALLS);
            service.commands.splice(0..0, calls);
        }
        unit
    }
}

impl Maker<'_> {
    /// The unit made last runs `command` when it stops.
    pub(super) fn stop(&mut self, command: Command) {
        if let Some(Kind::Service(service)) = self.units.last_mut().map(|unit| &mut unit.kind) {
            service.commands.push((CommandKind::Stop, command));
        }
    }
}

/// A program whose place calls take: see [`Maker::oneshot`].
pub(super) const STANDS_FOR_CALLS: &str = "/proc/self/exe";

/// A call of the child's own.
pub(super) fn call(call: Call, path: &str, words: &[&str]) -> Command {
    Command {
        place: None,
        call,
        path: path.to_owned(),
        argv: words.iter().map(|word| (*word).to_owned()).collect(),
        ignore_failure: false,
        expand: false,
        privilege: Privilege::Restricted,
    }
}

/// The same, whose failure is said and goes no further.
pub(super) fn attempt(what: Call, path: &str, words: &[&str]) -> Command {
    Command { ignore_failure: true, ..call(what, path, words) }
}

/// `text` as a word of a unit file that is taken as it is.
pub(super) fn literal(text: &str) -> String {
    text.replace('%', "%%")
}
