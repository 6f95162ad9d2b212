//! Checks against the image that the units will run in: programs, users, groups. Reads the image's directories;
//! follows symbolic links inside them and never out of them.

use std::{
    collections::BTreeSet,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tomte::table::{Arch, Call, UidRange};

use crate::{
    allow::Known,
    diag::{Code, Diagnostic, Diagnostics, Severity},
    model::{Command, Exec, Located, Place, Unit},
    read,
    values::{
        specifier::{Facts, os_release},
        user,
    },
};

mod tmpfiles;

/// Where a program without a slash is looked for (systemd's path-util.h, DEFAULT_PATH).
const SEARCH_PATH: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Bytes of the image's passwd(5) or group(5).
const ACCOUNTS_BYTES_MAX: usize = 16 << 20;
/// Symbolic links followed for one path: the kernel's limit.
const LINKS_MAX: usize = 40;

/// What is known of the image that the units will run in. Without `roots` nothing is checked against it.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its root directories, each laid over the one before it.
    pub roots: Vec<PathBuf>,
    /// Users that it will have besides those in its /etc/passwd: name and number.
    pub users: Vec<(String, u32)>,
    /// Groups that it will have besides those in its /etc/group: name and number.
    pub groups: Vec<(String, u32)>,
    /// Users and groups that are added when this has been checked.
    pub later: Known,
    /// What it is that the image lacks something. A warning, where the image may still change before it runs.
    pub lack: Severity,
    /// Units that the board names: templates get these instances.
    pub instances: Vec<String>,
    /// What its programs are made for, if that is known.
    pub architecture: Option<Arch>,
    /// The host name that the board sets, if it is known.
    pub hostname: Option<String>,
    /// Numbers that are given to dynamic users.
    pub dynamic: UidRange,
}

impl Default for Image {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            users: Vec::new(),
            groups: Vec::new(),
            later: Known::default(),
            lack: Severity::default(),
            instances: Vec::new(),
            architecture: None,
            hostname: None,
            dynamic: UidRange::DYNAMIC,
        }
    }
}

/// The names and numbers of the image.
struct Accounts {
    lack: Severity,
    users: Vec<(String, u32)>,
    groups: Vec<(String, u32)>,
}

impl Image {
    /// What specifiers may stand for: nothing if the image is not known. Root's shell is as systemd's user-util.c,
    /// `default_root_shell`, has it: bash where there is one.
    pub fn facts(&self) -> Facts {
        let known =
            Facts { architecture: self.architecture, hostname: self.hostname.clone(), ..Facts::default() };
        if self.roots.is_empty() {
            return known;
        }
        let shell = if self.resolve("/bin/bash").is_some() { "/bin/bash" } else { "/bin/sh" };
        let text = self.read("/etc/os-release").or_else(|| self.read("/usr/lib/os-release"));
        Facts {
            root_shell: Some(shell.to_owned()),
            os_release: Some(os_release(&text.unwrap_or_default())),
            ..known
        }
    }

    /// Complains about everything the services need and the image lacks.
    pub fn check(&self, units: &[Unit], sink: &mut Diagnostics) {
        if self.roots.is_empty() {
            return;
        }
        let accounts = Accounts {
            lack: self.lack,
            users: [&self.users[..], &self.accounts("/etc/passwd"), &self.later.users].concat(),
            groups: [&self.groups[..], &self.accounts("/etc/group"), &self.later.groups].concat(),
        };
        self.collisions(sink);
        for unit in units {
            if let Some(service) = unit.kind.service() {
                accounts.check(unit, &service.exec, sink);
                self.check_temporary_files(unit, &service.exec, sink);
                let own: Vec<&str> = service.exec.search_path.iter().map(String::as_str).collect();
                let folders = if own.is_empty() { &SEARCH_PATH[..] } else { &own };
                // What RootDirectory= holds is not the image's.
                let commands = service.commands.iter().filter(|_| service.exec.view.root.is_empty());
                commands.for_each(|(_, command)| self.check_program(command, folders, sink));
            }
        }
    }

    fn check_program(&self, command: &Command, folders: &[&str], sink: &mut Diagnostics) {
        let Command { call, path, place, ignore_failure, .. } = command;
        if !matches!(call, Call::Execute | Call::Helper) {
            return;
        }
        let (code, message) = if path.starts_with('/') {
            match self.resolve(path) {
                None => (Code::MissingProgram, format!("{path} is not in the image")),
                Some(file) if !is_executable(&file) => {
                    (Code::NotExecutable, format!("{path} is no executable file in the image"))
                }
                Some(_) => return,
            }
        } else {
            let mut places = folders.iter().filter_map(|folder| self.resolve(&format!("{folder}/{path}")));
            if places.any(|file| is_executable(&file)) {
                return;
            }
            let message = format!("{path} is not in the image, in none of {}", folders.join(" "));
            (Code::MissingProgram, message)
        };
        let severity = if *ignore_failure { self.lack.max(Severity::Warning) } else { self.lack };
        let problem = Diagnostic::new(severity, code, message);
        sink.push(problem.at(place.clone()).wide(path.chars().count()));
    }

    /// The file that `path` of the image is, links followed.
    fn resolve(&self, path: &str) -> Option<PathBuf> {
        let mut links = 0;
        let mut done: Vec<String> = Vec::new();
        let mut todo: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        while let Some(part) = todo.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    done.pop();
                    continue;
                }
                _ => done.push(part),
            }
            let here = self.find(&done)?;
            if let Ok(target) = std::fs::read_link(&here) {
                links += 1;
                if links > LINKS_MAX {
                    return None;
                }
                let target = target.to_string_lossy().into_owned();
                done.pop();
                if target.starts_with('/') {
                    done.clear();
                }
                todo.extend(target.split('/').rev().map(str::to_owned));
            }
        }
        self.find(&done)
    }

    /// The topmost file at `parts`.
    fn find(&self, parts: &[String]) -> Option<PathBuf> {
        let mut layers = self.roots.iter().rev().map(|root| root.join(parts.join("/")));
        layers.find(|path| path.symlink_metadata().is_ok())
    }

    /// The names of what is in any of `folders`, sorted.
    fn names_in(&self, folders: &[&str]) -> BTreeSet<String> {
        let places =
            folders.iter().flat_map(|folder| self.roots.iter().map(move |root| root.join(&folder[1..])));
        let entries = places.filter_map(|place| std::fs::read_dir(place).ok()).flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    fn read(&self, path: &str) -> Option<String> {
        let bytes = read::bytes(&self.resolve(path)?, ACCOUNTS_BYTES_MAX).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Complains about names and numbers that the image's files and the board give to different users or groups, and
    /// about those of the files that dynamic users are given.
    fn collisions(&self, sink: &mut Diagnostics) {
        for (role, path, board) in
            [("user", "/etc/passwd", &self.users), ("group", "/etc/group", &self.groups)]
        {
            let Some(file) = self.resolve(path) else { continue };
            let text = self.read(path).unwrap_or_default();
            for (line, entry) in (1..).zip(text.lines()) {
                let Some((name, number)) = account(entry) else { continue };
                let mut say = |severity, code, message: String| {
                    let place = Place { file: file.clone(), line, column: 1 };
                    sink.push(Diagnostic::new(severity, code, message).at(place).wide(name.chars().count()));
                };
                for (known, other) in board {
                    if (known == name) != (*other == number) {
                        let message = format!(
                            "board.toml has the {role} {known} with the number {other}, the image {name} with {number}"
                        );
                        say(self.lack, Code::AccountTwice, message);
                    }
                }
                if (self.dynamic.first..=self.dynamic.last).contains(&number) {
                    let message = format!(
                        "the image's {role} {name} has the number {number}, one of those that dynamic users are given ({}-{})",
                        self.dynamic.first, self.dynamic.last
                    );
                    say(Severity::Warning, Code::DynamicRange, message);
                }
            }
        }
    }

    /// Names and numbers of passwd(5) or group(5).
    fn accounts(&self, path: &str) -> Vec<(String, u32)> {
        let text = self.read(path).unwrap_or_default();
        text.lines().filter_map(account).map(|(name, number)| (name.to_owned(), number)).collect()
    }
}

/// Name and number of a line of passwd(5) or group(5).
fn account(line: &str) -> Option<(&str, u32)> {
    let mut fields = line.split(':');
    Some((fields.next()?, fields.nth(1)?.parse().ok()?))
}

impl Accounts {
    fn check(&self, unit: &Unit, exec: &Exec, sink: &mut Diagnostics) {
        if exec.dynamic_user {
            self.check_dynamic(unit, exec, sink);
        } else {
            self.require("User", "user", &exec.user, sink);
            self.require("Group", "group", &exec.group, sink);
        }
        for group in &exec.supplementary_groups {
            self.require("SupplementaryGroups", "group", group, sink);
        }
    }

    /// A name that only one of the two files has cannot be allocated (systemd's dynamic-user.c gives EILSEQ).
    fn check_dynamic(&self, unit: &Unit, exec: &Exec, sink: &mut Diagnostics) {
        let has = |list: &[(String, u32)], name: &str| list.iter().any(|(known, _)| known == name);
        let cases = [
            ("User", &exec.user, &self.users, &self.groups, "a group"),
            ("Group", &exec.group, &self.groups, &self.users, "a user"),
        ];
        let separate = exec.group.value != exec.user.value;
        for (key, written, own, other, what) in cases.into_iter().take(if separate { 2 } else { 1 }) {
            let name = written.value.as_str();
            if !has(own, name) && has(other, name) {
                let message = format!("the image has {what} {name:?}, so no dynamic one can be called that");
                let message = match written.place {
                    Some(_) => format!("{key}=: {message}"),
                    None => format!("{}: {message}", unit.name), // the name is the unit's own
                };
                sink.push(self.problem(Code::TakenName, message, written));
            }
        }
    }

    /// Complains if `written` is a name or number that the image has not. Root and nobody always exist.
    fn require(&self, key: &str, role: &str, written: &Located<String>, sink: &mut Diagnostics) {
        let list = if role == "user" { &self.users } else { &self.groups };
        let name = written.value.as_str();
        let number = user::number(name);
        let known = list.iter().any(|(known, id)| known == name || Some(*id) == number);
        if known
            || matches!(name, "" | "root" | "0")
            || (role == "user" && matches!(name, "nobody" | "65534"))
        {
            return;
        }
        let message = format!("{key}=: the image has no {role} {name:?}");
        let problem = self.problem(Code::MissingUser, message, written);
        let problem = problem.did_you_mean(name, list.iter().map(|(known, _)| known.as_str()));
        sink.push(problem.help(format!("declare it in board.toml ([[{role}]]), or set DynamicUser=yes")));
    }

    fn problem(&self, code: Code, message: String, written: &Located<String>) -> Diagnostic {
        let problem = Diagnostic::new(self.lack, code, message);
        problem.at(written.place.clone()).wide(written.value.chars().count())
    }
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
