//! The environment variables, weakest source first: systemd-semantics.md §10, `build_environment` of systemd 257.

use core::ffi::CStr;

use heapless::Vec;
use rustix::{io::Errno, path::DecInt, process::getpid};

use super::{Work, arena::Arena, credentials::VARIABLE, identity::user_name};
use crate::linux::{
    credentials, glob,
    passwd::{self, Field, Key, User},
    path::{PATH_BYTES_MAX, PathBuffer},
    plan::{Input, Login, Output, Privilege, Stdio},
    raw::CStrings,
};

/// Variables of one process. More fail with E2BIG.
pub(super) const VARIABLES_MAX: usize = 256;

/// Where bare names are looked for, and `$PATH`'s default. The kernel and every image have these.
pub(super) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Shells that say "no login here" (systemd's `is_nologin_shell`).
const NO_LOGIN_SHELLS: [&[u8]; 8] = [
    b"/bin/nologin",
    b"/sbin/nologin",
    b"/usr/bin/nologin",
    b"/usr/sbin/nologin",
    b"/bin/false",
    b"/usr/bin/false",
    b"/bin/true",
    b"/usr/bin/true",
];

/// `NAME=value` strings, each name once.
pub(super) struct Variables<'a>(CStrings<'a, VARIABLES_MAX>);

impl<'a> Variables<'a> {
    /// No variables.
    pub(super) const fn new() -> Self {
        Self(CStrings::new())
    }

    /// envp.
    pub(super) const fn strings(&self) -> &CStrings<'a, VARIABLES_MAX> {
        &self.0
    }

    /// The value of `name`.
    pub(super) fn value(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.0.iter().find_map(|string| value_of(string, name))
    }

    /// Adds `assignment`, or replaces an earlier one of the same name. What is no assignment is passed over, as systemd
    /// does.
    pub(super) fn set(&mut self, assignment: &'a CStr) -> Result<(), Errno> {
        let name = assignment.to_bytes().split(|&byte| byte == b'=').next().unwrap_or_default();
        if name.is_empty() || name.len() == assignment.count_bytes() {
            return Ok(());
        }
        let place = self.0.iter().position(|other| value_of(other, name).is_some());
        match place {
            Some(place) => {
                self.0.replace(place, assignment);
                Ok(())
            }
            None => self.0.push(assignment),
        }
    }

    /// Takes out the variable of this name, or the one that is just this assignment.
    pub(super) fn unset(&mut self, what: &CStr) {
        let what = what.to_bytes();
        let place =
            self.0.iter().position(|string| string.to_bytes() == what || value_of(string, what).is_some());
        if let Some(place) = place {
            self.0.remove(place);
        }
    }

    fn make(&mut self, arena: &mut Arena<'a>, name: &str, value: &[u8]) -> Result<(), Errno> {
        self.set(arena.join(&[name.as_bytes(), b"=", value])?)
    }
}

fn value_of<'a>(string: &'a CStr, name: &[u8]) -> Option<&'a [u8]> {
    string.to_bytes().strip_prefix(name)?.strip_prefix(b"=")
}

/// Fills the variables.
pub(super) fn gather(work: &mut Work<'_>) -> Result<(), Errno> {
    let sources = work.plan.environment;
    let path = search_path(work);
    work.variables.make(&mut work.arena, "PATH", path.as_bytes())?;
    for assignment in sources.manager.iter() {
        work.variables.set(assignment)?;
    }
    for (name, value) in sources.extra {
        work.variables.make(&mut work.arena, name, value.as_bytes())?;
    }
    if !sources.trigger_pattern.is_empty() {
        name_trigger(work, sources.trigger_pattern)?;
    }
    describe_user(work)?;
    list_directories(work)?;
    if !work.plan.credentials.sources.is_empty() {
        name_credentials(work)?;
    }
    let pid = DecInt::new(getpid().as_raw_nonzero().get());
    work.variables.make(&mut work.arena, "SYSTEMD_EXEC_PID", pid.as_bytes())?;
    for name in sources.own_pid {
        work.variables.make(&mut work.arena, name, pid.as_bytes())?;
    }
    list_descriptors(work, pid.as_bytes())?;
    if let Some(terminal) = terminal_type(work.plan.stdio).filter(|_| work.variables.value(b"TERM").is_none())
    {
        work.variables.make(&mut work.arena, "TERM", terminal)?;
    }
    if let Some(inherited) = sources.inherited {
        for name in sources.pass.iter() {
            let passed = inherited.environment().find(|own| value_of(own, name.to_bytes()).is_some());
            passed.map_or(Ok(()), |assignment| work.variables.set(assignment))?;
        }
    }
    for assignment in sources.unit.iter() {
        work.variables.set(assignment)?;
    }
    Ok(())
}

/// `$TRIGGER_PATH` of `PathExistsGlob=`: the first match in the order of glob(3). Without it if nothing is there any more.
#[inline(never)] // pages of stack, for those who need them
fn name_trigger(work: &mut Work<'_>, pattern: &str) -> Result<(), Errno> {
    let mut first = Vec::<u8, PATH_BYTES_MAX>::new();
    glob::each_match(pattern, &mut |path| {
        let path = path.to_bytes();
        if first.is_empty() || path < &first[..] {
            first.clear();
            first.extend_from_slice(path).map_err(|_| Errno::NAMETOOLONG)?;
        }
        Ok(false)
    })?;
    if first.is_empty() { Ok(()) } else { work.variables.make(&mut work.arena, "TRIGGER_PATH", &first) }
}

#[inline(never)] // a page of stack, for those who need it
fn name_credentials(work: &mut Work<'_>) -> Result<(), Errno> {
    let mut buffer = PathBuffer::empty();
    let path = credentials::path(work.plan.unit, &mut buffer)?;
    work.variables.make(&mut work.arena, VARIABLE, path.to_bytes())
}

/// `$LISTEN_FDS`, `$LISTEN_PID`, `$LISTEN_FDNAMES`: sd_listen_fds(3).
fn list_descriptors(work: &mut Work<'_>, pid: &[u8]) -> Result<(), Errno> {
    let descriptors = work.plan.descriptors;
    if descriptors.is_empty() {
        return Ok(());
    }
    work.variables.make(&mut work.arena, "LISTEN_FDS", DecInt::new(descriptors.len()).as_bytes())?;
    work.variables.make(&mut work.arena, "LISTEN_PID", pid)?;
    work.arena.write(b"LISTEN_FDNAMES=")?;
    for (n, one) in descriptors.iter().enumerate() {
        if n > 0 {
            work.arena.write(b":")?;
        }
        work.arena.write(one.name.as_bytes())?;
    }
    let names = work.arena.finish()?;
    work.variables.set(names)
}

/// Where programs are looked for.
pub(super) fn search_path<'a>(work: &Work<'a>) -> &'a str {
    match work.plan.environment.search_path {
        "" => DEFAULT_PATH,
        path => path,
    }
}

fn describe_user(work: &mut Work<'_>) -> Result<(), Errno> {
    let login = work.plan.environment.login;
    let root = if login == Login::Always && work.who.uid.is_none() {
        passwd::find_user(Key::Number(0))?
    } else {
        None
    };
    let name = user_name(work).or(root.as_ref().map(|root| &root.name[..])).and_then(passwd_field);
    let (arena, variables) = (&mut work.arena, &mut work.variables);
    if work.plan.working_directory == "~"
        && let Some(home) = work.who.home(work.plan.privilege != Privilege::Restricted)
    {
        variables.make(arena, "HOME", home.as_bytes())?;
    }
    let Some(name) = name.filter(|_| login != Login::Never) else { return Ok(()) };
    if let Some(User { home, shell, .. }) = work.who.user.as_ref().or(root.as_ref()) {
        if home.starts_with(b"/") && &home[..] != b"/" {
            variables.make(arena, "HOME", home)?;
        }
        if shell.starts_with(b"/") && !NO_LOGIN_SHELLS.contains(&&shell[..]) {
            variables.make(arena, "SHELL", shell)?;
        }
    }
    variables.make(arena, "LOGNAME", &name)?;
    variables.make(arena, "USER", &name)
}

/// A copy, as the name is borrowed from what is about to change.
fn passwd_field(name: &[u8]) -> Option<Field> {
    Field::from_slice(name).ok()
}

/// `RUNTIME_DIRECTORY` and its kind: the public paths, joined by colons.
fn list_directories(work: &mut Work<'_>) -> Result<(), Errno> {
    for directory in work.plan.directories.iter().filter(|directory| !directory.names.is_empty()) {
        work.arena.write(directory.kind.variable().as_bytes())?;
        for (place, name) in directory.names.iter().enumerate() {
            work.arena.write(if place == 0 { b"=/" } else { b":/" })?;
            work.arena.write(directory.kind.prefix().as_bytes())?;
            work.arena.write(b"/")?;
            work.arena.write(name.to_bytes())?;
        }
        work.variables.set(work.arena.finish()?)?;
    }
    Ok(())
}

/// `$TERM` of a service on a terminal (systemd's `default_term_for_tty`).
fn terminal_type(stdio: Stdio<'_>) -> Option<&'static [u8]> {
    let on_terminal = matches!(stdio.input, Input::Tty(_))
        || matches!(stdio.output, Output::Tty)
        || matches!(stdio.error, Output::Tty);
    let virtual_console = stdio
        .tty_path
        .strip_prefix("/dev/tty")
        .is_some_and(|number| number.parse().is_ok_and(|number: u64| number < 256));
    on_terminal.then_some(if virtual_console { b"linux" } else { b"vt220" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_assignment_takes_the_place_of_an_earlier_one() {
        let mut variables = Variables::new();
        for assignment in [c"A=1", c"AB=2", c"A=3", c"B="] {
            variables.set(assignment).expect("fits");
        }
        assert_eq!(variables.strings().iter().collect::<std::vec::Vec<_>>(), [c"A=3", c"AB=2", c"B="]);
        assert_eq!(
            (variables.value(b"A"), variables.value(b"B"), variables.value(b"C")),
            (Some(&b"3"[..]), Some(&b""[..]), None)
        );
    }

    #[test]
    fn what_is_no_assignment_is_passed_over() {
        let mut variables = Variables::new();
        for nonsense in [c"", c"A", c"=x"] {
            variables.set(nonsense).expect("passed over");
        }
        assert_eq!(variables.strings().iter().count(), 0);
    }

    #[test]
    fn a_terminal_decides_the_terminal_type() {
        let stdio = Stdio { output: Output::Tty, ..Stdio::default() };
        assert_eq!(terminal_type(stdio), Some(&b"vt220"[..]));
        assert_eq!(terminal_type(Stdio { tty_path: "/dev/tty1", ..stdio }), Some(&b"linux"[..]));
        assert_eq!(terminal_type(Stdio { tty_path: "/dev/ttyS0", ..stdio }), Some(&b"vt220"[..]));
        assert_eq!(terminal_type(Stdio::default()), None);
    }
}
