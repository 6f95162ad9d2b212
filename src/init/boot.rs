//! From exec to the first decision: streams, file systems, the table, the words.

use crate::{
    linux::{
        self, Errno,
        apart::Place,
        arguments::Arguments,
        boot::{API_MOUNTS, Need, UNINITIALIZED},
        command_line::{self, COMMAND_LINE_BYTES_MAX},
        process::signal_by_pidfd,
        raw::process::{Ending, Forked, exit, fork, reap_any},
        root,
    },
    record, supervisor,
    table::{Arch, LogTarget, StrList, Table, UnitId},
};

use super::{
    crash,
    handover::{self, State},
    log,
    words::Words,
};

/// How long what lies over the root may take to be there.
const ROOT_US: u64 = 30_000_000;
/// How often that is looked for.
const ROOT_PAUSE_US: u64 = 1_000;
/// What the child says that has laid something over the root.
const LAID: u8 = 2;

/// What boot found out.
pub(super) struct Boot {
    /// The opened table.
    pub(super) table: Table<'static>,
    /// What the boot loader asked for.
    pub(super) words: Words,
    /// The kernel's command line; empty where that is somebody else's.
    pub(super) line: &'static str,
    /// CLOCK_MONOTONIC at PID 1's exec, microseconds.
    pub(super) started_us: u64,
    /// Processor time that had been taken by then.
    pub(super) begun_own_us: u64,
    /// Seed of the supervisor's random numbers.
    pub(super) random: u64,
    /// What tells this machine from others: a sum of /etc/machine-id, 0 without.
    pub(super) machine: u64,
    /// What the kernel or the container manager gave this PID 1.
    pub(super) arguments: Arguments,
    /// Whether a container manager started this PID 1: `$container`, as systemd has it.
    pub(super) container: bool,
    /// What the program before has left.
    pub(super) state: Option<State>,
}

impl Boot {
    /// What the words have boot start, if it is in the table.
    pub(super) fn target(&self) -> Option<UnitId> {
        let Some(name) = self.words.target.as_ref() else {
            return self.table.board().initramfs.filter(|_| self.words.initramfs);
        };
        let target = self.table.resolve(name);
        if target.is_none() {
            log::error(format_args!("this board has no {name}, starting its default target"));
        }
        target
    }
}

/// Brings the machine so far that services can start. Whatever is missing is said once and lived without, save a
/// table: that has its own way out.
#[inline(never)]
pub(super) fn boot(linked: &'static [u8], arguments: Arguments) -> Boot {
    let (started_us, begun_own_us) = (linux::clock::monotonic_us(), linux::clock::own_us());
    let streams = linux::boot::standard_streams();
    let container = arguments.environment().any(|variable| variable.to_bytes().starts_with(b"container="));
    crash::prepare(container);
    log::prepare();
    if let Err(errno) = linux::boot::set_own_credentials_and_limits() {
        log::warn_of(errno, format_args!("cannot drop PID 1's groups or raise its limit of descriptors"));
    }
    let state = match handover::find(arguments) {
        None => None,
        Some(Ok(state)) => Some(state),
        Some(Err(errno)) => handover::start_over(arguments, errno),
    };
    if state.is_none() {
        for api in &API_MOUNTS {
            mount(api);
        }
    }
    if streams != Ok(true) {
        find_console();
    }
    let (words, line) = words(arguments, container);
    log::set_level(words.log);
    if let Some(console) = &words.console
        && let Err(errno) = linux::console::move_to(console)
    {
        log::warn_of(errno, format_args!("cannot use /dev/{console} as the console"));
    }
    if let Err(errno) = linux::console::stop_blocking() {
        log::warn_of(errno, format_args!("a console that stops can hold PID 1 up"));
    }
    let wants_shell = words.target.is_some() && !container;
    let table = open_table(state.map_or(linked, |state| handover::choose(&state, linked)), wants_shell);
    let board = table.board();
    crash::set_action(board.on_panic, board.panic_delay);
    if board.log == LogTarget::Kmsg {
        log::to_kmsg();
    }
    if state.is_none()
        && !container
        && let Err(errno) = linux::raw::network::set_loopback_up()
    {
        log::warn_of(errno, format_args!("cannot set up the loopback interface"));
    }
    if !container && let Err(errno) = linux::power::take_over_ctrl_alt_del() {
        log::warn_of(errno, format_args!("Ctrl-Alt-Del is the kernel's"));
    }
    if state.is_none()
        && !board.hostname.is_empty()
        && let Err(errno) = linux::boot::set_hostname(board.hostname)
    {
        log::warn_of(errno, format_args!("cannot set the hostname {}", board.hostname));
    }
    if state.is_none() && !container && !words.initramfs {
        lay_over_root(line, board.volatile);
    }
    let machine = machine(state.is_none() && !words.initramfs, words.first_boot);
    Boot {
        table,
        words,
        line,
        started_us,
        begun_own_us,
        random: linux::random::seed(),
        machine,
        arguments,
        container,
        state,
    }
}

/// The image has no /dev/console; the kernel's own /dev may have one.
#[cold]
fn find_console() {
    let found = linux::boot::standard_streams().and_then(|_| linux::console::move_to("console"));
    if let Err(errno) = found
        && linux::console::open_kmsg().is_ok()
    {
        log::to_kmsg();
        log::warn_of(errno, format_args!("there is no console"));
    }
}

/// A sum of what /etc/machine-id says (machine-id(5)): 32 hexadecimal digits. Without a file, or with `uninitialized` in
/// it, this is the first boot, unless somebody `says` otherwise; who asks finds systemd's mark of it.
fn machine(fresh: bool, says: Option<bool>) -> u64 {
    let mut buffer = [0; 32];
    let id = linux::boot::read_file(c"/etc/machine-id", &mut buffer);
    let first = id.is_err() || id.is_ok_and(|id| id.trim_ascii_end() == UNINITIALIZED);
    if fresh
        && says.unwrap_or(first)
        && let Err(errno) = linux::boot::mark_first_boot()
    {
        log::warn_of(errno, format_args!("cannot say in /run that this is the first boot"));
    }
    record::checksum([id.unwrap_or_default(), &[]])
}

/// Has a child lay over the root what the board and the kernel's command line say, if they do, and goes there.
#[inline(never)]
fn lay_over_root(line: &str, volatile: StrList<'_>) {
    let mut words = volatile.iter();
    let over = supervisor::root::over(line, words.next().unwrap_or_default());
    if over.is_empty() {
        return;
    }
    let deadline_us = linux::clock::monotonic_us().saturating_add(ROOT_US);
    let (pid, pidfd) = match fork() {
        Ok(Forked::Child) => match root::lay_over(c"/", root::NEW_ROOT, &mut [over].into_iter().chain(words))
        {
            Ok(laid) => exit(if laid { LAID } else { 0 }),
            Err((what, errno)) => {
                log::error_of(errno, format_args!("cannot {what}, going on without"));
                exit(1)
            }
        },
        Ok(Forked::Parent { pid, pidfd }) => (pid, pidfd),
        Err(errno) => return log::error_of(errno, format_args!("cannot lay anything over /")),
    };
    let ending = loop {
        match reap_any() {
            Ok(Some((ended, ending))) if ended == pid => break ending,
            _ if linux::clock::monotonic_us() >= deadline_us => {
                let _ = signal_by_pidfd(&pidfd, linux::signals::KILL); // ESRCH: it is late, and gone
                return log::error(format_args!("nothing lies over / in time, going on without"));
            }
            _ => linux::clock::sleep_us(ROOT_PAUSE_US),
        }
    };
    if ending == Ending::Exited(LAID)
        && let Err(errno) = root::enter(root::NEW_ROOT)
    {
        log::error_of(errno, format_args!("cannot enter the new root, going on without"));
    }
}

#[inline(never)] // for a small frame
fn mount(api: &linux::boot::ApiMount) {
    let target = api.target.to_str().unwrap_or_default();
    match linux::boot::mount_api(api) {
        Ok(_) => {}
        Err(errno) => match api.need {
            Need::Vital => log::error_of(errno, format_args!("cannot mount {target}")),
            Need::Expected => log::warn_of(errno, format_args!("cannot mount {target}, going on without")),
            Need::IfAny => {}
        },
    }
}

#[inline(never)] // for a small frame
fn open_table(linked: &'static [u8], wants_shell: bool) -> Table<'static> {
    match Table::open(linked, Arch::NATIVE) {
        Ok(table) => {
            log::info(format_args!(
                "table of {}: {} units, {} bytes",
                table.board().name,
                table.baked_count(),
                table.len()
            ));
            table
        }
        Err(error) => {
            // Nobody knows what the board allows; who can write the kernel's command line can do as he likes.
            if wants_shell {
                log::error(format_args!("cannot open the table in /proc/self/exe: {error}; a shell instead"));
                if let Err(errno) = linux::shell::run() {
                    log::error_of(errno, format_args!("cannot run a shell"));
                }
            }
            crash::give_up(format_args!("cannot open the table in /proc/self/exe: {error}"))
        }
    }
}

/// The kernel's command line, for as long as PID 1 lives.
#[inline(never)] // for a small frame
fn command_line() -> &'static [u8] {
    static LINE: Place<[u8; COMMAND_LINE_BYTES_MAX]> = Place::new([0; COMMAND_LINE_BYTES_MAX]);
    let room = LINE.take_for_all().ok_or(Errno::EXIST);
    match room.and_then(|room| command_line::bytes(room)) {
        Ok(line) => line,
        Err(errno) => {
            log::warn_of(errno, format_args!("cannot read /proc/cmdline"));
            &[]
        }
    }
}

/// The words of argv, then those of the kernel's command line unless a container manager's host owns that; and that line.
#[inline(never)]
fn words(arguments: Arguments, container: bool) -> (Words, &'static str) {
    let mut words = Words::default();
    words.initramfs = root::is_initramfs();
    if let Some(word) = words.take_arguments(arguments.words().skip(1)) {
        not_understood(word);
    }
    let line = if container { &[] } else { command_line() };
    if let Some(word) = words.take_command_line(line) {
        not_understood(word);
    }
    (words, core::str::from_utf8(line).unwrap_or_default())
}

fn not_understood(word: &str) {
    log::warn(format_args!("{word}: not understood, ignored"));
}
