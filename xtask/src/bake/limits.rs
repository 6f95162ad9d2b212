//! The table's limits, refused here with their name, the value and the unit, so that `open` never has to.

use tomte::table::{
    CommandKind, Name,
    limits::{
        ALIASES_MAX, COMMANDS_MAX, CREDENTIALS_BYTES_MAX, CREDENTIALS_MAX, DIRECTORIES_MAX, ELAPSES_MAX,
        ENVIRONMENT_FILES_MAX, ENVIRONMENT_MAX, GROUPS_MAX, MOUNTS_MAX, PATH_BYTES_MAX, RLIMITS_MAX,
        STDIN_BYTES_MAX, UNIT_NAME_BYTES_MAX, UNITS_MAX, WORDS_BYTES_MAX, WORDS_MAX,
    },
};

use super::credentials;
use crate::{
    board::Board,
    diag::{Code, Diagnostic, Diagnostics},
    model::{Command, Exec, Kind, Place, Service, Unit},
    mounts,
    order::Graph,
};

/// Reports everything in `board` and `graph` that a table cannot hold.
pub(super) fn check(board: &Board, graph: &Graph, diagnostics: &mut Diagnostics) {
    units(board, graph.nodes.len(), diagnostics);
    let mut limits = Limits { unit: board.name.as_str(), diagnostics };
    limits.at_most("environment", board.config.environment.len(), ("ENVIRONMENT_MAX", ENVIRONMENT_MAX), None);
    for (name, value) in &board.config.environment {
        limits.text("environment", &format!("{name}={value}"), None);
    }
    let aliases: Vec<String> = graph.aliases.iter().flat_map(|(one, of)| [one.clone(), of.clone()]).collect();
    limits.words("names of aliases and masked units", &aliases, ("twice ALIASES_MAX", 2 * ALIASES_MAX), None);
    for node in &graph.nodes {
        limits.unit = &node.unit.name;
        limits.unit(&node.unit);
    }
}

/// Reports `count` units, if a table cannot hold so many.
pub(super) fn units(board: &Board, count: usize, diagnostics: &mut Diagnostics) {
    let mut limits = Limits { unit: board.name.as_str(), diagnostics };
    limits.at_most("units", count, ("UNITS_MAX", UNITS_MAX), None);
}

/// Reports everything in `unit` that a table cannot hold.
pub fn of_unit(unit: &Unit, diagnostics: &mut Diagnostics) {
    Limits { unit: &unit.name, diagnostics }.unit(unit);
}

struct Limits<'d> {
    unit: &'d str,
    diagnostics: &'d mut Diagnostics,
}

impl Limits<'_> {
    fn report(&mut self, code: Code, problem: String, place: Option<&Place>) {
        self.diagnostics
            .push(Diagnostic::error(code, format!("{}: {problem}", self.unit)).at(place.cloned()));
    }

    fn at_most(&mut self, what: &str, value: usize, limit: (&str, usize), place: Option<&Place>) {
        let (name, most) = limit;
        if value > most {
            self.report(
                Code::TableLimit,
                format!("{what}: {value} is more than {name} allows, {most}"),
                place,
            );
        }
    }

    /// Text ends at its first NUL on the target.
    fn text(&mut self, what: &str, text: &str, place: Option<&Place>) {
        if text.contains('\0') {
            self.report(Code::NulByte, format!("{what}: {text:?} has a NUL byte in it"), place);
        }
    }

    fn path(&mut self, what: &str, path: &str, place: Option<&Place>) {
        self.text(what, path, place);
        self.at_most(what, path.len() + 1, ("PATH_BYTES_MAX", PATH_BYTES_MAX), place);
    }

    /// Strings of one list: each is stored with a NUL behind it.
    fn words(&mut self, what: &str, words: &[String], most: (&str, usize), place: Option<&Place>) {
        self.at_most(what, words.len(), most, place);
        let bytes = words.iter().map(|word| word.len() + 1).sum();
        self.at_most(what, bytes, ("WORDS_BYTES_MAX", WORDS_BYTES_MAX), place);
        for word in words {
            self.text(what, word, place);
        }
    }

    fn unit(&mut self, unit: &Unit) {
        let place = unit.file.as_ref().map(|file| Place { file: file.clone(), line: 1, column: 1 });
        self.at_most("name", unit.name.len(), ("UNIT_NAME_BYTES_MAX", UNIT_NAME_BYTES_MAX), place.as_ref());
        if unit.name.len() <= UNIT_NAME_BYTES_MAX && Name::new(&unit.name).is_none() {
            self.report(
                Code::UnitName,
                "not a unit name: letters, digits and :_.-@\\ are allowed".into(),
                place.as_ref(),
            );
        }
        self.text("Description", &unit.description, place.as_ref());
        self.at_most(
            "Description",
            unit.description.len(),
            ("WORDS_BYTES_MAX", WORDS_BYTES_MAX),
            place.as_ref(),
        );
        if let Kind::Timer(timer) = &unit.kind {
            let last = timer.elapses.last().and_then(|elapse| elapse.place.as_ref());
            self.at_most("OnCalendar", timer.elapses.len(), ("ELAPSES_MAX", ELAPSES_MAX), last);
        }
        if let Some(service) = unit.kind.service() {
            self.service(service, place.as_ref());
        }
    }

    fn service(&mut self, service: &Service, place: Option<&Place>) {
        for kind in CommandKind::ALL {
            let of_kind = || service.commands.iter().filter(|(of, _)| *of == kind);
            let last = of_kind().next_back().and_then(|(_, command)| command.place.as_ref());
            self.at_most(kind.setting(), of_kind().count(), ("COMMANDS_MAX", COMMANDS_MAX), last);
            for (_, command) in of_kind() {
                self.command(kind, command);
            }
        }
        let exec = &service.exec;
        self.words("Environment", &exec.environment, ("ENVIRONMENT_MAX", ENVIRONMENT_MAX), place);
        let files = ("ENVIRONMENT_FILES_MAX", ENVIRONMENT_FILES_MAX);
        self.words("EnvironmentFile", &exec.environment_files, files, place);
        self.words("PassEnvironment", &exec.pass_environment, ("ENVIRONMENT_MAX", ENVIRONMENT_MAX), place);
        self.words("UnsetEnvironment", &exec.unset_environment, ("ENVIRONMENT_MAX", ENVIRONMENT_MAX), place);
        self.path("ExecSearchPath", &exec.search_path.join(":"), place);
        let groups: Vec<String> = exec.supplementary_groups.iter().map(|group| group.value.clone()).collect();
        let first_group = exec.supplementary_groups.first().and_then(|group| group.place.as_ref());
        self.words("SupplementaryGroups", &groups, ("GROUPS_MAX", GROUPS_MAX), first_group.or(place));
        self.at_most("Limit", exec.rlimits.len(), ("RLIMITS_MAX", RLIMITS_MAX), place);
        self.at_most("mounts", mounts::view(exec).mounts.len(), ("MOUNTS_MAX", MOUNTS_MAX), place);
        for directories in &exec.directories {
            let what = directories.kind.setting();
            self.words(what, &directories.names, ("DIRECTORIES_MAX", DIRECTORIES_MAX), place);
            for name in &directories.names {
                self.path(what, &format!("{}/private/{name}", directories.kind.prefix()), place);
            }
        }
        self.credentials(exec, place);
        self.path("WorkingDirectory", &exec.working_directory, place);
        self.path("StandardInput", &exec.stdin_path, place);
        let bytes = ("STDIN_BYTES_MAX", STDIN_BYTES_MAX);
        self.at_most("StandardInputData", exec.stdin_data.len(), bytes, place);
        self.path("StandardOutput", &exec.stdout_path, place);
        self.path("StandardError", &exec.stderr_path, place);
        self.path("TTYPath", &exec.tty_path, place);
        self.path("SyslogIdentifier", &exec.syslog_identifier, place);
        self.path("User", &exec.user.value, exec.user.place.as_ref());
        self.path("Group", &exec.group.value, exec.group.place.as_ref());
    }

    fn credentials(&mut self, exec: &Exec, place: Option<&Place>) {
        let sources = credentials::sources(&exec.credentials);
        self.words("LoadCredential", &sources, ("CREDENTIALS_MAX", CREDENTIALS_MAX), place);
        let bytes = credentials::values(&exec.credentials).len();
        self.at_most("SetCredential", bytes, ("CREDENTIALS_BYTES_MAX", CREDENTIALS_BYTES_MAX), place);
    }

    fn command(&mut self, kind: CommandKind, command: &Command) {
        let place = command.place.as_ref();
        self.path(kind.setting(), &command.path, place);
        self.words(kind.setting(), &command.argv, ("WORDS_MAX", WORDS_MAX), place);
        if command.argv.is_empty() {
            self.report(Code::Command, format!("{}: a command without words", kind.setting()), place);
        }
    }
}
