//! Messages: the `log` facade's sink, and the words for what the supervisor reports.

use core::{
    fmt::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use log::{Level, LevelFilter, Metadata, Record};

use crate::{
    linux::{self, Errno, OwnedFd, console, errno::Text, signals::Name as SignalName, step::Step},
    supervisor::{Log, Pid},
    table::{CommandKind, Subject, Table, Unit, UnitId},
    wire::{
        ExitStatus, Failure, Power,
        log::{ENTRY_BYTES_MAX, Entry, Origin},
    },
    words,
};

/// A longer line is cut: the kernel's own limit for a kmsg record is 1024 bytes with its prefix.
const LINE_BYTES_MAX: usize = 960;

static TO_KMSG: AtomicBool = AtomicBool::new(false);

struct Sink;

impl log::Log for Sink {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        line(record.level(), *record.args());
    }

    fn flush(&self) {}
}

/// Makes this the process's log. Messages go to standard error.
pub(super) fn prepare() {
    if log::set_logger(&Sink).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// Has what is below `level` not be said.
pub(super) fn set_level(level: Option<LevelFilter>) {
    if let Some(level) = level {
        log::set_max_level(level);
    }
}

/// From here on, messages go to the kernel's ring buffer, or stay on standard error if there is none.
pub(super) fn to_kmsg() {
    match console::open_kmsg() {
        Ok(()) => TO_KMSG.store(true, Ordering::Relaxed),
        Err(errno) => warn_of(errno, format_args!("cannot open /dev/kmsg, logging to the console")),
    }
}

/// Whether messages go to the kernel's ring buffer.
pub(super) fn is_kmsg() -> bool {
    TO_KMSG.load(Ordering::Relaxed)
}

/// A descriptor of one's own for services whose output goes where messages go.
pub(super) fn output() -> Option<OwnedFd> {
    match console::duplicate(is_kmsg()) {
        Ok(output) => Some(output),
        Err(errno) => {
            warn_of(errno, format_args!("no log for services, their output goes to /dev/null"));
            None
        }
    }
}

/// Logs an error. One call of the facade for all: each is a hundred bytes of code and a place in the source.
#[inline(never)]
pub(super) fn error(text: fmt::Arguments<'_>) {
    ::log::error!("{text}");
}

/// Logs a warning.
#[inline(never)]
pub(super) fn warn(text: fmt::Arguments<'_>) {
    ::log::warn!("{text}");
}

/// Logs an error of the kernel's: what could not be done, and why.
#[inline(never)]
pub(super) fn error_of(errno: Errno, what: fmt::Arguments<'_>) {
    error(format_args!("{what}: {}", Text(errno)));
}

/// Logs a warning of that sort.
#[inline(never)]
pub(super) fn warn_of(errno: Errno, what: fmt::Arguments<'_>) {
    warn(format_args!("{what}: {}", Text(errno)));
}

/// Logs what happened.
#[inline(never)]
pub(super) fn info(text: fmt::Arguments<'_>) {
    ::log::info!("{text}");
}

/// Writes one line where messages go.
pub(super) fn line(level: Level, text: fmt::Arguments<'_>) {
    let priority: u64 = match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    let kmsg = TO_KMSG.load(Ordering::Relaxed);
    if !(kmsg && write_kmsg(priority, text)) {
        write_stderr(text);
    }
    tell_logd(priority as u8, text);
}

/// Has logd keep a line of PID 1's.
#[inline(never)] // for a small frame
fn tell_logd(priority: u8, text: fmt::Arguments<'_>) {
    if !console::has_logd() {
        return;
    }
    let mut line = Line::default();
    let _ = line.write_fmt(text);
    let entry = Entry {
        origin: Origin::Manager,
        priority,
        pid: 1,
        time_us: linux::clock::boot_us(),
        unit: &[],
        identifier: b"tomte",
        text: line.bytes(),
    };
    let mut packet = [0; ENTRY_BYTES_MAX];
    let length = entry.write(&mut packet);
    let _no_room = console::tell_logd(packet.get(..length).unwrap_or_default());
}

/// Writes one line to the console and, if PID 1 has a `machine` of its own, to the ring buffer: somebody must see it, and
/// what keeps the ring buffer over a reset keeps it.
pub(super) fn emergency(text: fmt::Arguments<'_>, machine: bool) {
    write_stderr(text);
    tell_logd(0, text);
    if machine && (console::kmsg().is_some() || console::open_kmsg().is_ok()) {
        write_kmsg(0, text);
    }
}

fn write_kmsg(priority: u64, text: fmt::Arguments<'_>) -> bool {
    let mut line = Line::default();
    let _ = write!(line, "<{priority}>tomte: {text}");
    console::write_kmsg(line.bytes())
}

fn write_stderr(text: fmt::Arguments<'_>) {
    let mut line = Line::default();
    let _ = write!(line, "tomte: {text}");
    line.end();
    console::write_stderr(line.bytes());
}

/// A line of bounded length; what does not fit is cut at a character's edge.
#[derive(Default)]
struct Line {
    text: heapless::String<LINE_BYTES_MAX>,
}

impl Line {
    fn end(&mut self) {
        if self.text.push('\n').is_err() {
            self.text.pop();
            let _ = self.text.push('\n');
        }
    }

    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| self.text.push(character).map_err(|_| fmt::Error))
    }
}

/// Puts what the supervisor reports into systemd's words.
#[inline(never)]
pub(super) fn report(table: &Table<'_>, message: Log) {
    use Level::{Error, Info, Warn};
    let unit = |id: UnitId| Described(table, id);
    let name = |id: UnitId| Named(table, id);
    let of = |id: UnitId, level: Level, text: fmt::Arguments<'_>| of(table, id, level, text);
    match message {
        Log::Started(id) => info(format_args!("Started {}.", unit(id))),
        Log::Stopped(id) => info(format_args!("Stopped {}.", unit(id))),
        Log::Failed(id, result) => of(id, Error, format_args!("Failed with result '{result}'.")),
        Log::DependencyFailed(id, on) => {
            error(format_args!("Dependency failed for {}: {} did not start.", unit(id), name(on)));
        }
        Log::ConditionUnmet(id, place) => {
            info(format_args!(
                "{} was skipped because of an unmet condition check ({}).",
                unit(id),
                Check(table, id, place)
            ));
        }
        Log::AssertFailed(id, place) => {
            error(format_args!("Starting {} failed because of {}.", unit(id), Check(table, id, place)));
        }
        Log::NotExamined(id) => of(id, Error, format_args!("Its conditions could not be looked at.")),
        Log::MainExited(id, exit) => of(id, Warn, format_args!("Main process exited, {}.", Exit(exit))),
        Log::RestartScheduled(id, count) => {
            let count = u64::from(count);
            of(id, Info, format_args!("Scheduled restart job, restart counter is at {count}."));
        }
        Log::StartLimitHit(id) => of(id, Error, format_args!("Start request repeated too quickly.")),
        Log::TriggerLimitHit(id) => of(id, Error, format_args!("Trigger limit hit, refusing.")),
        Log::AlreadyActive(id, other) => {
            of(id, Error, format_args!("{} is already active, refusing.", name(other)));
        }
        Log::TimedOut(id, signal) => {
            of(id, Warn, format_args!("Timed out. Killing with {}.", SignalName(signal)));
        }
        Log::Contradiction(id, other) => {
            let other = name(other);
            of(id, Error, format_args!("Conflicting jobs: what it requires conflicts with {other}."));
        }
        Log::Acting(id) => of(id, Warn, format_args!("The machine ends, as it asks for at such an end.")),
        Log::WatchdogExpired(id, signal) => {
            of(id, Error, format_args!("Watchdog timeout! Killing with {}.", SignalName(signal)));
        }
        Log::NoticeRefused(id, Pid(pid)) => {
            let pid = u64::from(pid);
            of(id, Warn, format_args!("Process {pid} may not speak for it (NotifyAccess=)."));
        }
        Log::NotAdopted(id) => of(id, Warn, format_args!("The new main process is none of its own.")),
        Log::OomKilled(id) => of(id, Warn, format_args!("The OOM killer has killed a process.")),
        Log::JobTimedOut(id) => of(id, Warn, format_args!("Job timed out.")),
        Log::RuntimeOver(id) => of(id, Warn, format_args!("Service reached runtime time limit.")),
        Log::ReloadFailed(id) => error(format_args!("Reload failed for {}.", unit(id))),
        Log::Reloaded(id) => info(format_args!("Reloaded {}.", unit(id))),
        Log::NoUidLeft(id) => of(id, Error, format_args!("No UID of the dynamic range is free and fit.")),
        Log::NotCleaned(id) => {
            of(id, Error, format_args!("What it left cannot all be removed; its UID rests for good."));
        }
        Log::BootFinished => info(format_args!("Startup finished.")),
        Log::Healthy => info(format_args!("All vital units are up: the boot is good.")),
        Log::Sick(id) => of(id, Error, format_args!("A vital unit is down for too long.")),
        Log::Regrouped(id) => of(id, Error, format_args!("Vital and down: restarting all vital units.")),
        Log::Starving(id) => starving(table, id),
        Log::ShuttingDown(power) => info(format_args!("{}.", end_in_words(power))),
        Log::Impossible(what, id) => of(id, Error, format_args!("Impossible: {what}. Ignored.")),
    }
}

/// Says something of a unit, after its name.
#[inline(never)]
fn of(table: &Table<'_>, id: UnitId, level: Level, text: fmt::Arguments<'_>) {
    ::log::log!(level, "{}: {text}", Named(table, id));
}

/// Who is to find out why the machine has started over looks where this goes.
fn starving(table: &Table<'_>, unit: Option<UnitId>) {
    let unit = unit.map(|unit| Named(table, unit));
    let why: &dyn fmt::Display = match &unit {
        Some(unit) => unit,
        None => &"the root file system or the shutdown",
    };
    emergency(format_args!("the watchdog is not fed any more because of {why}"), true);
}

const fn end_in_words(power: Power) -> &'static str {
    match power {
        Power::PowerOff => "Powering off",
        Power::Reboot => "Rebooting",
        Power::Halt => "Halting",
        Power::Kexec => "Rebooting via kexec",
        Power::SoftReboot => "Soft-rebooting",
    }
}

/// What is carried out in the place of a program, in the order of [`Call`](crate::table::Call): the name of the program that
/// would do it.
const CALLS: &str = "\
    exec mount mount umount swapon swapoff count modprobe coldplug write chown clock touch random-seed random-seed \
    machine-id mkswap fsck switch-root network";

/// Says which step of a spawn failed and why: of `command`, by its place among those of its kind.
pub(super) fn step_failed(
    table: &Table<'_>,
    id: UnitId,
    failure: Failure,
    command: Option<(CommandKind, u8)>,
    about: &str,
) {
    let record = table.unit(id);
    let command = record
        .as_ref()
        .and_then(Unit::service)
        .zip(command)
        .and_then(|(service, (kind, index))| service.commands.of(kind).iter().nth(usize::from(index)));
    let program = command.map_or("a process", |command| command.path);
    let step = match (Step::from_index(failure.step), command) {
        (Some(Step::Call), Some(command)) => words::nth(CALLS, command.call as usize),
        (step, _) => step.map_or("?", Step::name),
    };
    let cause = Text(Errno::from_raw_os_error(i32::from(failure.errno)));
    let colon = if about.is_empty() { "" } else { ": " };
    of(
        table,
        id,
        Level::Error,
        format_args!("Failed at step {step} spawning {program}{colon}{about}: {cause}"),
    );
}

struct Named<'a, 't>(&'a Table<'t>, UnitId);

impl fmt::Display for Named<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.name(self.1) {
            Some(name) => name.fmt(f),
            None => write!(f, "unit {}", u64::from(self.1.0)),
        }
    }
}

struct Described<'a, 't>(&'a Table<'t>, UnitId);

impl fmt::Display for Described<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.head(self.1) {
            Some(unit) if unit.description.is_empty() => unit.name.fmt(f),
            Some(unit) => write!(f, "{} - {}", unit.name, unit.description),
            None => write!(f, "unit {}", u64::from(self.1.0)),
        }
    }
}

/// A condition as its unit has it: `ConditionPathExists=!/etc/x`.
struct Check<'a, 't>(&'a Table<'t>, UnitId, u8);

impl fmt::Display for Check<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.0.head(self.1);
        let Some(condition) = unit.and_then(|unit| unit.conditions.iter().nth(usize::from(self.2))) else {
            return f.write_str("a condition");
        };
        let kind = if condition.assert { "Assert" } else { "Condition" };
        let negated = if condition.negate && condition.subject != Subject::FileSays { "!" } else { "" };
        let written = condition.parameter.split('\n').next().unwrap_or_default();
        write!(f, "{kind}{}{negated}{written}", condition.subject.as_str())
    }
}

struct Exit(ExitStatus);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ExitStatus::Exited(code) => write!(f, "code=exited, status={}", u64::from(code)),
            ExitStatus::Killed(signal) | ExitStatus::Dumped(signal) => {
                write!(f, "code={}, status={}", self.0.code(), SignalName(signal))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Call;

    #[test]
    fn every_call_has_its_word() {
        let words: std::vec::Vec<_> = CALLS.split(' ').collect();
        assert_eq!(words.len(), Call::Network as usize + 1);
        assert_eq!(
            (words[Call::SwapOff as usize], words[Call::Check as usize], words[Call::Network as usize]),
            ("swapoff", "fsck", "network")
        );
    }
}
