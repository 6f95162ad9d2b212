//! Carrying actions out: one match, one call an arm.

use crate::{
    linux::{
        self, AsFd, Errno, OwnedFd,
        clean::CleanPlan,
        feature::Feature,
        plan::{self, Input, Output, Stdio},
        process::signal_by_pidfd,
        report::{ABOUT_BYTES_MAX, Report, read_about},
        signals::CONT,
        step::Step,
    },
    supervisor::{Action, Answer, ClientId, Event, Log, Pid, Slot, Spawn, Supervisor, Which},
    table::{CommandKind, Micros, Table, Unit, UnitId},
    wire::{Failure, Whom},
};

use super::{
    audit, conditions, handover,
    kernel::Kernel,
    log, names,
    plan::{Parts, Start, misses_stream, of_client, runtime_directory_of, trigger_path},
    processes::{Process, Role},
    report,
    shared::Shared,
    shutdown, watch,
};

impl Kernel {
    /// Does what `action` says. Answers with the event that follows at once, if one does.
    #[inline(never)]
    pub(super) fn perform(
        &mut self,
        action: Action,
        supervisor: &mut Supervisor<'static>,
    ) -> Option<Event<'static>> {
        match action {
            Action::Spawn(spawn) => Some(self.spawn(&spawn, supervisor)),
            Action::Adopt { unit, which } => self.adopt(unit, which),
            Action::Kill { unit, whom, signal, wakes } => {
                self.kill(unit, whom, signal, wakes);
                None
            }
            Action::Clean { unit, runtime_directories, descriptors, uid, gid } => {
                self.close_for(descriptors.then_some(unit));
                self.clean(unit, runtime_directories, uid, gid)
            }
            Action::Store { unit, add } => self.store(unit, add),
            Action::Examine { unit } => match conditions::start(self, unit) {
                Ok(()) => None,
                Err(errno) => {
                    let name = self.table.name(unit)?;
                    log::error_of(errno, format_args!("cannot look at the conditions of {name}"));
                    Some(Event::Examined { unit, verdict: None })
                }
            },
            Action::Survey => self.survey(),
            Action::Watch { unit, first } => self.watch(unit, first),
            Action::Arm { unit, flush } => self.arm(unit, flush),
            Action::Unwatch { unit } => self.unwatch(unit),
            Action::Accept { unit, instance } => self.accept(unit, instance),
            Action::Stamp { unit, elapsed } => self.stamp(unit, elapsed),
            Action::Reply { client, answer } => self.reply(client, answer, supervisor),
            Action::Log(message) => {
                log::report(&self.table, message);
                if let Some(unit) = message.unit() {
                    audit::changed(supervisor, unit);
                }
                if !matches!(message, Log::BootFinished) {
                    return None;
                }
                Some(Event::BootCost(Micros(linux::clock::own_us().saturating_sub(self.begun_own_us))))
            }
            Action::Names => {
                self.names_changed = true;
                None
            }
            Action::Report { ended } => match report::start(self, supervisor, ended) {
                Ok(()) => None,
                Err(errno) => {
                    if self.words.report.is_some() {
                        log::error_of(errno, format_args!("cannot start writing the report"));
                    }
                    Some(Event::Reported)
                }
            },
            Action::Make { client, unit } => {
                let sound = self.make(client, unit, supervisor).unwrap_or_else(|errno| {
                    log::error_of(errno, format_args!("cannot read a unit's record"));
                    false
                });
                Some(Event::Made { client, unit, sound })
            }
            Action::Reexec { switch } => handover::begin(self, supervisor, switch),
            Action::Switch { back } => handover::open_other(self, supervisor, back),
            Action::Feed { probe } => {
                self.feed(probe);
                None
            }
            Action::Leave { power, immediate, status, reason } => {
                shutdown::leave(self, power, immediate, status, reason)
            }
        }
    }

    #[inline(never)]
    fn watch(&mut self, unit: UnitId, first: bool) -> Option<Event<'static>> {
        watch::start(self, unit, first).unwrap_or_else(|errno| {
            let name = self.table.name(unit)?;
            log::error_of(errno, format_args!("cannot open what {name} waits for"));
            Some(Event::Watched { unit, found: None })
        })
    }

    fn arm(&mut self, unit: UnitId, flush: bool) -> Option<Event<'static>> {
        if flush {
            self.held.flush(unit);
        }
        self.held.arm(unit, &self.poll);
        None
    }

    fn close_for(&mut self, unit: Option<UnitId>) {
        if let Some(unit) = unit {
            self.held.close(unit, &self.poll);
        }
    }

    #[inline(never)]
    fn reply(
        &mut self,
        client: ClientId,
        answer: Answer,
        supervisor: &Supervisor<'static>,
    ) -> Option<Event<'static>> {
        let table = self.table;
        let name = |unit| table.name(unit).unwrap_or_default();
        self.audit.answered(client, answer, &name);
        drop(self.take_record(client)); // of a request that was refused
        let gone = self.control.answer(client, answer, &table, supervisor, &self.lacking, &self.poll);
        gone.then_some(Event::ClientGone { client })
    }

    fn spawn(&mut self, spawn: &Spawn, supervisor: &Supervisor<'static>) -> Event<'static> {
        let (unit, slot) = (spawn.unit, spawn.slot);
        match self.try_spawn(spawn, supervisor) {
            Ok((pid, ready)) => {
                if ready.is_some() {
                    self.held.await_ready(unit, ready, &self.poll);
                }
                Event::Spawned { unit, slot, pid }
            }
            Err(failure) => {
                let failure = wire_failure(failure);
                let command = Some((spawn.kind, spawn.index));
                log::step_failed(&self.table, unit, failure, command, "");
                self.look_whether_empty(unit); // there may be a group, and nobody whose end would be told
                Event::SpawnFailed { unit, slot, failure }
            }
        }
    }

    /// Makes the process; answers where `X-ReadyFd=` says that it is ready, if it is to.
    #[inline(never)] // its frame is large, its callers' are not
    fn try_spawn(
        &mut self,
        spawn: &Spawn,
        supervisor: &Supervisor<'static>,
    ) -> Result<(Pid, Option<OwnedFd>), linux::spawn::Failure> {
        let at = |step| move |errno| linux::spawn::Failure { step, errno };
        let no_process = at(Step::Clone);
        // A copy: the child has nothing of the supervisor's.
        let record = supervisor.unit(spawn.unit).ok_or(no_process(Errno::NOENT))?;
        let service = record.service().ok_or(no_process(Errno::NOEXEC))?;
        let command = service.commands.of(spawn.kind).iter().nth(usize::from(spawn.index));
        let mut command = command.ok_or(no_process(Errno::NOENT))?;
        let place = self.processes.free_place().ok_or(no_process(Errno::AGAIN))?;

        let mut board = self.table.board();
        if !self.table.made(spawn.unit).is_empty() {
            // A unit made at run time has no rules for Landlock to stand in for its mounts.
            board.may_lack &= !Feature::MountNamespaces.bit();
        }
        let connection = if service.per_connection { self.held.of(spawn.unit).next() } else { None };
        let mut parts = Parts::new();
        parts.fill(&service.exec, spawn, command.privilege, connection, self.started_us);
        parts.find_way(&mut command, self.line).map_err(at(Step::Call))?;
        let extra = parts.extra(spawn, &self.table);
        self.share(spawn.unit, &record, &service.exec).map_err(at(Step::Network))?;
        let shared = self.shared.get(spawn.unit.index()).unwrap_or(const { &Shared::NOTHING });
        let tmp_unit = self.table.name(shared.first).unwrap_or_default();
        let descriptors = self.held.passed(&self.table, (spawn.unit, &record), spawn.kind);
        let descriptors = &descriptors.map_err(no_process)?;
        if misses_stream(&service.exec, descriptors) {
            return Err(at(Step::Stdin)(Errno::INVAL));
        }
        let program = self.groups.load(&service.exec, &board);
        let path = (service.exec.cgroup.slice, record.name.as_str());
        let cgroup = self.groups.enter(spawn.unit, path, program, &self.poll);
        let pipe = self.streams.write_end(spawn.unit, service);
        let log = pipe.as_ref().or(self.log.as_ref()).map(AsFd::as_fd);
        let inherited = self.arguments;
        let start =
            Start { command, spawn, extra: &extra, inherited, shared, tmp_unit, log, cgroup, descriptors };
        let mut plan: plan::Plan<'_> = parts.plan(&board, &record, &service.exec, start);
        plan.environment.trigger_pattern = trigger_path(&self.table, spawn, true);
        let logd = self.streams.of_logd(spawn.unit);
        let last_words = logd.and_then(|_| linux::pipe::open_device(c"/dev/pmsg0").ok());
        if let (Some(input), Some(log)) = (logd, log) {
            let output = last_words.as_ref().map_or(Output::Null, |device| Output::Fd(device.as_fd()));
            plan.stdio = Stdio { input: Input::Fd(input), output, error: Output::Fd(log), ..plan.stdio };
        }
        let is_logd = logd.is_some();
        if let Some(given) = self.held.given(spawn.unit) {
            plan.stdio = of_client(plan.stdio, given);
        }
        let says_ready = service.ready_fd > 0 && spawn.kind == CommandKind::Start;
        let ready = if says_ready { Some(linux::pipe::new().map_err(no_process)?) } else { None };
        plan.ready = ready.as_ref().map(|(_, theirs)| (theirs.as_fd(), service.ready_fd));
        if self.names_changed {
            names::add(&service.exec, spawn, &mut self.names_written);
        }
        let child = linux::spawn::spawn(&plan)?;

        let pid = Pid(child.pid);
        self.groups.entered(spawn.unit, pid);
        let role = Role::Service { unit: spawn.unit, slot: spawn.slot };
        let command = Some((spawn.kind, spawn.index));
        let report = Some(child.report);
        let process = Process { pid, pidfd: child.pidfd, report, role, command, gave_up: false };
        if let Err(errno) = process.watch(place, &self.poll) {
            // The report is read when the process has ended, at the latest.
            log::warn_of(errno, format_args!("cannot watch the report of {}", record.name));
        }
        self.processes.put(place, process);
        if is_logd {
            self.streams.announce_all(&self.table, &|unit| self.processes.speaker(unit));
        } else {
            self.streams.announce(spawn.unit, &record, self.processes.speaker(spawn.unit));
        }
        if spawn.slot == Slot::Main {
            self.lacking.forget(spawn.unit);
        }
        Ok((pid, ready.map(|(ours, _)| ours)))
    }

    /// Takes another process for `unit`'s main process, if there is one that may be. A child looks for it where that may take
    /// its time.
    #[inline(never)]
    fn adopt(&mut self, unit: UnitId, which: Which) -> Option<Event<'static>> {
        let found = match which {
            Which::Named { pid, trusted } => Ok((pid.0, trusted)),
            Which::Only => self.groups.only_child(unit).map(|pid| (pid.0, false)).ok_or(Errno::SRCH),
            Which::InFile { awaited } => match self.read_pid_file(unit, awaited) {
                Ok(found) => Ok(found?),
                Err(errno) => Err(errno),
            },
        };
        Some(self.adopt_found(unit, which, found))
    }

    /// What is in `unit`'s `PIDFile=`; `None` if a child looks.
    fn read_pid_file(&mut self, unit: UnitId, awaited: bool) -> Result<Option<(u32, bool)>, Errno> {
        let record = self.table.unit(unit);
        let path = record.as_ref().and_then(Unit::service).ok_or(Errno::NOENT)?.pid_file;
        if let Some(found) = linux::pid_file::read_at_once(path) {
            return found.map(Some);
        }
        let place = self.processes.free_place().ok_or(Errno::AGAIN)?;
        let child = linux::pid_file::spawn(path)?;
        let mut process = Process::helper(child.pid, child.pidfd, Role::Reader { unit, awaited });
        process.report = Some(child.pipe);
        self.processes.put(place, process);
        Ok(None)
    }

    /// Takes the process that was found, if it may be `unit`'s main process. What is wrong with a file that is waited for is
    /// said when it is something new.
    pub(super) fn adopt_found(
        &mut self,
        unit: UnitId,
        which: Which,
        found: linux::pid_file::Found,
    ) -> Event<'static> {
        let adopted = found.and_then(|(pid, trusted)| self.try_adopt(unit, Pid(pid), trusted));
        if let Err(errno) = adopted
            && which == (Which::InFile { awaited: true })
            && self.pid_file_trouble.replace((unit, errno)) != Some((unit, errno))
            && let Some(record) = self.table.unit(unit)
            && let Some(service) = record.service()
        {
            log::warn_of(errno, format_args!("{}: no main process in {} yet", record.name, service.pid_file));
        }
        Event::Adopted { unit, pid: adopted.ok() }
    }

    /// EPERM for a process that is not the unit's to have, ESRCH for one that is not there.
    #[inline(never)]
    fn try_adopt(&mut self, unit: UnitId, pid: Pid, trusted: bool) -> Result<Pid, Errno> {
        let place = self.processes.free_place().ok_or(Errno::AGAIN)?;
        let pidfd = linux::process::open(pid.0)?;
        // Asked when the descriptor is open: if its process ends meanwhile, the descriptor tells.
        let fits = match self.processes.find(pid) {
            Some(_) => false, // a process of PID 1's own, with a task of its own
            None => trusted || self.unit_of(pid) == Some(unit),
        };
        if !fits {
            return Err(Errno::PERM);
        }
        let process = Process::helper(pid.0, pidfd, Role::Service { unit, slot: Slot::Main });
        if let Err(errno) = process.watch(place, &self.poll) {
            log::warn_of(errno, format_args!("cannot watch process {}", u64::from(pid.0)));
        }
        self.processes.demote_main(unit, &self.poll);
        self.groups.adopted(unit, pid);
        self.processes.put(place, process);
        Ok(pid)
    }

    fn kill(&self, unit: UnitId, whom: Whom, signal: u8, wakes: bool) {
        let one = |slot: Slot| {
            if let Some(process) = self.processes.of(unit, slot) {
                // ESRCH: it has ended and waits to be reaped.
                let _ = signal_by_pidfd(&process.pidfd, signal);
                if wakes {
                    let _ = signal_by_pidfd(&process.pidfd, CONT);
                }
            }
        };
        match whom {
            Whom::Main => one(Slot::Main),
            Whom::Control => one(Slot::Control),
            Whom::All => {
                if !self.groups.kill(unit, signal, wakes) {
                    one(Slot::Main);
                    one(Slot::Control);
                }
            }
        }
    }

    fn clean(
        &mut self,
        unit: UnitId,
        runtime_directories: bool,
        uid: Option<u32>,
        gid: Option<u32>,
    ) -> Option<Event<'static>> {
        match self.start_janitor(unit, runtime_directories, uid, gid) {
            Ok(()) => None,
            Err(errno) => {
                log::error_of(errno, format_args!("cannot clean up after {}", self.table.name(unit)?));
                Some(Event::Cleaned { unit, clean: false })
            }
        }
    }
}

impl Kernel {
    #[inline(never)] // its frame is large, its callers' are not
    fn start_janitor(
        &mut self,
        unit: UnitId,
        runtime_directories: bool,
        uid: Option<u32>,
        gid: Option<u32>,
    ) -> Result<(), Errno> {
        let record = self.table.unit(unit).ok_or(Errno::NOENT)?;
        let place = self.processes.free_place().ok_or(Errno::AGAIN)?;
        let private_tmp = self.unshare(unit);
        let first = private_tmp.and_then(|(_, first)| self.table.unit(first));
        let tmp_unit = first.as_ref().map_or("", |first| first.name.as_str());
        let service = record.service();
        let directory = service.filter(|_| runtime_directories);
        let directory = directory.and_then(|service| runtime_directory_of(&service.exec));
        let janitor = linux::clean::spawn(&CleanPlan {
            unit: record.name.as_str(),
            uid,
            gid,
            directories: directory.as_slice(),
            private_tmp: private_tmp.map(|(token, _)| (token, tmp_unit)),
            credentials: service.is_some_and(|service| !service.exec.credentials.is_empty()),
            pid_file: service.map_or("", |service| service.pid_file),
        })?;
        self.processes.put(place, Process::helper(janitor.pid, janitor.pidfd, Role::Janitor { unit }));
        Ok(())
    }
}

/// What a child's report means to the supervisor, if it concerns it.
pub(super) fn reported(
    table: &Table<'_>,
    process: &Process,
    unit: UnitId,
    said: Report,
) -> Option<Event<'static>> {
    let pid = process.pid;
    match said {
        Report::Identity { uid, gid } => Some(Event::Identified { unit, pid, uid, gid }),
        Report::Unfit { group, suggestion } => {
            let record = table.unit(unit)?;
            let exec = &record.service()?.exec;
            let identity = if group { exec.group_identity } else { exec.user_identity }?;
            Some(Event::Unfit { unit, pid, identity, suggestion })
        }
        Report::Lacking { .. } => None,
        Report::Failed { step, errno } => {
            let failure = wire_failure(linux::spawn::Failure { step, errno });
            let mut buffer = [0; ABOUT_BYTES_MAX];
            let about = process.report.as_ref().map_or("", |pipe| read_about(pipe, &mut buffer));
            log::step_failed(table, unit, failure, process.command, about);
            let early = matches!(step, Step::EnvironmentFile);
            Some(Event::StepFailed { unit, pid, failure, early })
        }
    }
}

fn wire_failure(failure: linux::spawn::Failure) -> Failure {
    let errno = u16::try_from(failure.errno.raw_os_error()).unwrap_or(u16::MAX);
    Failure { step: failure.step.index(), errno }
}
