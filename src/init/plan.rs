//! From a record of the table to a plan for `linux`: names change, nothing is decided.

use core::fmt::Write;

use heapless::{String, Vec};

use crate::{
    linux::{
        BorrowedFd, Errno,
        arguments::Arguments,
        directory::{Directory, DirectoryKind as LinuxDirectoryKind},
        listen::{self, Source},
        plan::{
            self as linux_plan, Cgroup, Credentials, Devices, Dynamic, Environment, Identity, Limits,
            Loading, Login, Passed, Plan, View, Words,
        },
        signals,
    },
    supervisor::{Instant, Outcome, Pid, Spawn, root},
    table::{
        self, Board, Call, Command, CommandKind, DirectoryKind, Exec, Hook, Kind, LoginEnvironment, Micros,
        Preserve, Privilege, Rlimit, StrList, Table, Traffic, Unit, UnitId, WatchEvent,
        limits::{MOUNTS_MAX, RLIMITS_MAX},
    },
    wire::{ExitStatus, NOTIFY_PATH},
};

use super::shared::Shared;

mod address;
mod renamed;
mod streams;

use address::{ADDRESS_BYTES, write_address};
use renamed::{directory, keyring, mount, namespaces, privilege, propagation, scheduling};
use streams::streams;
pub(super) use streams::{misses_stream, of_client, takes_socket};

const _: () =
    assert!(MOUNTS_MAX <= crate::linux::child::MOUNTS_MAX, "a table's mounts are no more than a child makes");

/// Digits of a pid or of microseconds, or a signal's name.
const NUMBER_BYTES: usize = 20;
/// Digits of the id of a start.
const INVOCATION_BYTES: usize = 32;
/// All that is said of a root.
const ROOT_BYTES_MAX: usize = 1024;
/// The variables of [`Parts::extra`].
const EXTRA_MAX: usize = 18;

/// The parts of a plan that are not in the table as they stand, kept where the plan can borrow them.
pub(super) struct Parts<'t> {
    directories: Vec<Directory<'t>, { DirectoryKind::ALL.len() }>,
    rlimits: Vec<linux_plan::Rlimit, RLIMITS_MAX>,
    mounts: Vec<linux_plan::Mount<'t>, MOUNTS_MAX>,
    main_pid: String<NUMBER_BYTES>,
    watchdog: String<NUMBER_BYTES>,
    exit_status: String<NUMBER_BYTES>,
    monitored_status: String<NUMBER_BYTES>,
    invocation: String<INVOCATION_BYTES>,
    monitored_invocation: String<INVOCATION_BYTES>,
    /// When a timer elapsed: on the wall clock, and since the kernel began.
    elapsed: [String<NUMBER_BYTES>; 2],
    remote_address: String<ADDRESS_BYTES>,
    remote_port: String<NUMBER_BYTES>,
    /// The words of [`Call::Root`].
    root: String<ROOT_BYTES_MAX>,
}

impl<'t> Parts<'t> {
    pub(super) const fn new() -> Self {
        Self {
            directories: Vec::new(),
            rlimits: Vec::new(),
            mounts: Vec::new(),
            main_pid: String::new(),
            watchdog: String::new(),
            exit_status: String::new(),
            monitored_status: String::new(),
            invocation: String::new(),
            monitored_invocation: String::new(),
            elapsed: [String::new(), String::new()],
            remote_address: String::new(),
            remote_port: String::new(),
            root: String::new(),
        }
    }

    /// Fills all of it in where it is: seven kilobytes are not handed on.
    #[inline(never)] // a frame of its own
    pub(super) fn fill(
        &mut self,
        exec: &Exec<'t>,
        spawn: &Spawn,
        privilege: Privilege,
        connection: Option<BorrowedFd<'_>>,
        started_us: u64,
    ) {
        if let Some((Source::Address(address), port)) = connection.map(listen::source) {
            let _ = write_address(&mut self.remote_address, address);
            let _ = write!(self.remote_port, "{}", u64::from(port));
        }
        // `Table::open` has checked the counts against the capacities.
        for setting in exec.directories.iter() {
            let _ = self.directories.push(directory(setting));
        }
        for Rlimit { resource, soft, hard } in exec.rlimits.iter() {
            let _ = self.rlimits.push(linux_plan::Rlimit { resource, soft, hard });
        }
        for setting in view(exec, spawn.kind, privilege).mounts.iter() {
            let _ = self.mounts.push(mount(setting));
        }
        if let Some(Pid(pid)) = spawn.main_pid {
            let _ = write!(self.main_pid.as_mut_view(), "{}", u64::from(pid));
        }
        if let Some(Micros(span)) = spawn.watchdog {
            let _ = write!(self.watchdog.as_mut_view(), "{span}");
        }
        self.exit_status = status_of(spawn.outcome);
        write_invocation(&mut self.invocation, spawn.invocation);
        if let Some((_, outcome, invocation)) = spawn.monitor {
            self.monitored_status = status_of(Some(outcome));
            write_invocation(&mut self.monitored_invocation, invocation);
        }
        if let Some((Instant(at), wall)) = spawn.trigger.and_then(|trigger| trigger.elapsed) {
            for (text, at) in self.elapsed.iter_mut().zip([wall, started_us.saturating_add(at)]) {
                let _ = write!(text.as_mut_view(), "{at}");
            }
        }
    }

    /// Variables about this start.
    pub(super) fn extra<'a>(
        &'a self,
        spawn: &Spawn,
        table: &Table<'a>,
    ) -> Vec<(&'static str, &'a str), EXTRA_MAX> {
        let result = |outcome: Option<Outcome>| outcome.map_or("", |outcome| outcome.result.as_str());
        let code =
            |outcome: Option<Outcome>| outcome.and_then(|outcome| outcome.exit).map_or("", ExitStatus::code);
        let monitored = spawn.monitor.map(|(_, outcome, _)| outcome);
        let name = |unit: Option<UnitId>| unit.and_then(|unit| table.name(unit)).unwrap_or_default();
        let trigger = spawn.trigger.map(|trigger| trigger.unit);
        let [realtime, monotonic] = &self.elapsed;
        let all: [(&'static str, &'a str); EXTRA_MAX] = [
            ("INVOCATION_ID", &self.invocation),
            ("MAINPID", &self.main_pid),
            ("NOTIFY_SOCKET", if spawn.heard { NOTIFY_PATH } else { "" }),
            ("WATCHDOG_USEC", &self.watchdog),
            ("SERVICE_RESULT", result(spawn.outcome)),
            ("EXIT_CODE", code(spawn.outcome)),
            ("EXIT_STATUS", &self.exit_status),
            ("MONITOR_SERVICE_RESULT", result(monitored)),
            ("MONITOR_EXIT_CODE", code(monitored)),
            ("MONITOR_EXIT_STATUS", &self.monitored_status),
            ("MONITOR_UNIT", name(spawn.monitor.map(|(unit, ..)| unit))),
            ("MONITOR_INVOCATION_ID", &self.monitored_invocation),
            ("TRIGGER_UNIT", name(trigger)),
            ("TRIGGER_PATH", trigger_path(table, spawn, false)),
            ("TRIGGER_TIMER_REALTIME_USEC", realtime),
            ("TRIGGER_TIMER_MONOTONIC_USEC", monotonic),
            ("REMOTE_ADDR", &self.remote_address),
            ("REMOTE_PORT", &self.remote_port),
        ];
        let mut extra = Vec::new();
        for &(name, value) in &all {
            if !value.is_empty() {
                let _ = extra.push((name, value)); // there is room for all
            }
        }
        extra
    }

    /// Has `command` do what the kernel's command `line` says of the root, if it is about that. E2BIG if there is no room for
    /// all of it.
    #[inline(never)]
    pub(super) fn find_way(&mut self, command: &mut Command<'t>, line: &'t str) -> Result<(), Errno> {
        if command.call != Call::Root {
            return Ok(());
        }
        let mut fits = true;
        command.path = root::way(line, command.path, &mut command.argv.iter(), &mut |word| {
            fits &= self.root.push_str(word).is_ok() && self.root.push('\0').is_ok();
        });
        if fits { Ok(()) } else { Err(Errno::TOOBIG) }
    }

    /// The whole plan.
    #[inline(never)] // a frame of its own
    pub(super) fn plan<'a>(
        &'a self,
        board: &Board<'a>,
        unit: &Unit<'a>,
        exec: &Exec<'a>,
        start: Start<'a>,
    ) -> Plan<'a> {
        let Start { command, spawn, extra, inherited, shared, tmp_unit, log, cgroup, descriptors } = start;
        // What takes a call comes first: all else would wait for it on the stack.
        let environment = Environment {
            manager: words(board.environment.as_bytes()),
            extra,
            own_pid: if self.watchdog.is_empty() { &[] } else { &["WATCHDOG_PID"] },
            inherited: Some(inherited),
            ..environment(exec)
        };
        let view = view(exec, spawn.kind, command.privilege);
        let supplementary = words(exec.supplementary_groups.as_bytes());
        let stdio = streams(exec, spawn.kind, log, descriptors);
        Plan {
            unit: unit.name.as_str(),
            command: renamed::command(command, &self.root),
            environment,
            identity: Identity {
                user: exec.user,
                group: exec.group,
                supplementary,
                dynamic: exec.dynamic_user.then_some(Dynamic {
                    uid: spawn.uid,
                    gid: if exec.group_identity == exec.user_identity { None } else { spawn.gid },
                    check: spawn.fresh,
                    suggest: spawn.suggest,
                    range: (board.uids.first, board.uids.last),
                }),
            },
            privilege: privilege(command.privilege),
            directories: &self.directories,
            runtime_directory_preserved: exec.runtime_directory_preserve != Preserve::No,
            credentials: credentials(exec, spawn.kind),
            view: View {
                own: view.own,
                mounts: &self.mounts,
                root: view.root,
                propagation: propagation(view.propagation),
                tmp_token: shared.token,
                tmp_unit,
            },
            landlock: landlock(exec, &command, spawn.kind),
            namespaces: namespaces(exec, shared),
            scheduling: scheduling(exec),
            keyring: keyring(exec.keyring),
            limits: Limits {
                umask: exec.umask,
                rlimits: &self.rlimits,
                bounding_set: exec.capability_bounding_set,
                ambient: exec.ambient_capabilities,
                no_new_privileges: exec.no_new_privileges,
                filter: exec.filter.and_then(|id| board.filter(id)).map_or(&[], |filter| filter.program),
                no_write_execute: exec.no_write_execute,
                secure_bits: exec.secure_bits,
            },
            working_directory: exec.working_directory,
            working_directory_optional: exec.working_directory_optional,
            stdio,
            // One that is a stream is not passed besides.
            descriptors: if takes_socket(exec) { &[] } else { descriptors },
            ready: None,
            ignore_sigpipe: exec.ignore_sigpipe,
            cgroup: group(board, &exec.cgroup, spawn.kind, cgroup),
            may_lack: board.may_lack,
            fail_at: None,
        }
    }
}

/// Landlock's rules. Beside the mounts they are for the main process and what comes before it: the commands that run
/// along with it (`ExecReload=` and the like) may want to look into it, which Landlock would not let them.
fn landlock<'a>(exec: &Exec<'a>, command: &Command<'_>, kind: CommandKind) -> linux_plan::Landlock<'a> {
    let wanted = exec.landlock;
    let words = |paths: Option<StrList<'a>>| paths.map(|paths| words(paths.as_bytes()));
    let before = match kind {
        CommandKind::Start => true,
        // The rules are about paths of the view that `ExecStart=` has.
        CommandKind::Condition | CommandKind::StartPre => exec.view_besides.is_none(),
        CommandKind::StartPost | CommandKind::Reload | CommandKind::Stop | CommandKind::StopPost => false,
    };
    linux_plan::Landlock {
        writable: words(wanted.writable),
        executable: words(wanted.executable),
        beside_mounts: wanted.beside_mounts && before && command.privilege == Privilege::Restricted,
    }
}

/// What a command of `kind` sees of the file system.
fn view<'a>(exec: &Exec<'a>, kind: CommandKind, privilege: Privilege) -> table::View<'a> {
    match exec.view_besides {
        _ if privilege == Privilege::Full => exec.view_privileged.unwrap_or(table::View::HOST),
        Some(view) if kind != CommandKind::Start => view,
        _ => exec.view,
    }
}

/// Those that come before the main process see what has changed; those that come after it leave its own alone.
fn credentials<'a>(exec: &Exec<'a>, kind: CommandKind) -> Credentials<'a> {
    let loading = match kind {
        CommandKind::StartPre | CommandKind::Start => Loading::Anew,
        CommandKind::StartPost => Loading::IfMissing,
        CommandKind::Condition | CommandKind::Reload | CommandKind::Stop | CommandKind::StopPost => {
            Loading::No
        }
    };
    Credentials { sources: words(exec.credentials.as_bytes()), values: exec.credential_values, loading }
}

/// What the unit says of its variables.
fn environment<'a>(exec: &Exec<'a>) -> Environment<'a> {
    Environment {
        unit: words(exec.environment.as_bytes()),
        files: words(exec.environment_files.as_bytes()),
        pass: words(exec.pass_environment.as_bytes()),
        unset: words(exec.unset_environment.as_bytes()),
        search_path: exec.search_path,
        login: match exec.login_environment {
            LoginEnvironment::IfUser => Login::IfUser,
            LoginEnvironment::Always => Login::Always,
            LoginEnvironment::Never => Login::Never,
        },
        ..Environment::default()
    }
}

/// What is to become of the group that `here` is.
fn group<'a>(
    board: &Board<'a>,
    wanted: &table::Cgroup<'a>,
    kind: CommandKind,
    here: Cgroup<'a>,
) -> Cgroup<'a> {
    // The kernel refuses an empty program: nothing is executed without one that the table does not have.
    let bytes_of = |program| board.filter(program).map_or(&[][..], |filter| filter.program);
    let devices = |table::Devices { program, fixed, late, needed }: table::Devices<'a>| Devices {
        program: bytes_of(program),
        fixed,
        late: words(late.as_bytes()),
        needed,
    };
    let mut network = here.network;
    for Hook { traffic, program } in wanted.network.iter() {
        let place = match traffic {
            Traffic::Ingress => &mut network.ingress,
            Traffic::Egress => &mut network.egress,
            Traffic::Bind4 => &mut network.bind4,
            Traffic::Bind6 => &mut network.bind6,
        };
        *place = Some(bytes_of(program));
    }
    Cgroup {
        network,
        settings: words(wanted.settings.as_bytes()),
        delegate: wanted.delegate,
        subgroup: subgroup(wanted, kind),
        devices: wanted.devices.map(devices),
        ..here
    }
}

/// Where in the unit's group a command is. A delegated group may have controllers for groups of its own, and then no
/// processes: those that come after the main process have a group that it leaves alone.
const fn subgroup<'a>(cgroup: &table::Cgroup<'a>, kind: CommandKind) -> &'a str {
    match kind {
        CommandKind::StartPost | CommandKind::Reload | CommandKind::Stop | CommandKind::StopPost
            if cgroup.delegate =>
        {
            ".control"
        }
        CommandKind::Condition
        | CommandKind::StartPre
        | CommandKind::Start
        | CommandKind::StartPost
        | CommandKind::Reload
        | CommandKind::Stop
        | CommandKind::StopPost => cgroup.subgroup,
    }
}

/// The path that a path unit has started the unit for, or with `pattern` what it is one match of.
pub(super) fn trigger_path<'a>(table: &Table<'a>, spawn: &Spawn, pattern: bool) -> &'a str {
    let found = spawn.trigger.and_then(|trigger| Some((trigger.unit, trigger.watch?)));
    let Some((unit, watch)) = found else { return "" };
    match table.unit(unit).map(|unit| unit.kind) {
        Some(Kind::Path(path)) => {
            let watch = path.watches.iter().nth(watch.into());
            watch
                .filter(|watch| (watch.event == WatchEvent::ExistsGlob) == pattern)
                .map_or("", |watch| watch.path)
        }
        Some(Kind::Target | Kind::Service | Kind::Socket(_) | Kind::Timer(_) | Kind::Device(_)) | None => "",
    }
}

/// An exit code as a number, a signal by its name.
fn status_of(outcome: Option<Outcome>) -> String<NUMBER_BYTES> {
    let mut text = String::new();
    let _ = match outcome.and_then(|outcome| outcome.exit) {
        Some(ExitStatus::Exited(code)) => write!(text.as_mut_view(), "{}", u64::from(code)),
        Some(ExitStatus::Killed(signal) | ExitStatus::Dumped(signal)) => {
            write!(text.as_mut_view(), "{}", signals::Name(signal))
        }
        None => Ok(()),
    };
    text
}

/// The id of a start as sd_id128_randomize(3) makes them: a version 4 UUID without hyphens. `start` tells it from others.
#[inline(never)]
fn write_invocation(text: &mut String<INVOCATION_BYTES>, start: u64) {
    let first = start & !0xf000 | 0x4000;
    let second = start.wrapping_mul(0x9e37_79b9_7f4a_7c15) & !(3 << 62) | 2 << 62;
    let _ = write!(text.as_mut_view(), "{first:016x}{second:016x}");
}

/// What only this start knows.
pub(super) struct Start<'a> {
    pub(super) command: Command<'a>,
    pub(super) spawn: &'a Spawn,
    /// [`Parts::extra`].
    pub(super) extra: &'a [(&'a str, &'a str)],
    /// What PID 1 was started with.
    pub(super) inherited: Arguments,
    /// What it has in common with others.
    pub(super) shared: &'a Shared,
    /// Who was the first to have it.
    pub(super) tmp_unit: &'a str,
    /// Where `StandardOutput=journal` goes.
    pub(super) log: Option<BorrowedFd<'a>>,
    /// Its directory, and what the machine has.
    pub(super) cgroup: Cgroup<'a>,
    /// What it is given besides the three streams.
    pub(super) descriptors: &'a [Passed<'a>],
}

/// `RuntimeDirectory=`: one setting at most.
pub(super) fn runtime_directory_of<'t>(exec: &Exec<'t>) -> Option<Directory<'t>> {
    exec.directories.iter().map(directory).find(|setting| setting.kind == LinuxDirectoryKind::Runtime)
}

/// A list of the table; its last NUL was checked when the table was opened.
pub(super) fn words(bytes: &[u8]) -> Words<'_> {
    Words::new(bytes).unwrap_or_default()
}
