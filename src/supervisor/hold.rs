//! Which unit holds which number, from its first process to the removal of all that it left.

use super::{
    Action, Due, Pid, Slot, State, Supervisor,
    job::JobKind,
    state::{Process, Rest},
    uid::{TRIES_MAX, Taken},
    unit::Note,
};
use crate::table::{
    CommandKind, DirectoryKind, Exec, IdentityId, Preserve, PrivateTmp, Privilege, Service, Unit, UnitId,
};

/// The numbers for a process.
pub(super) enum Numbers {
    /// These are held for its unit.
    Held {
        /// The user's.
        uid: Option<u32>,
        /// The group's.
        gid: Option<u32>,
        /// Nobody has run under them since they were chosen.
        fresh: bool,
    },
    /// A janitor is about to kill whatever runs under one of them: not yet.
    Wait,
    /// There is no number.
    NoneLeft,
}

/// The names whose numbers a unit holds.
fn identities(exec: &Exec<'_>) -> [Option<IdentityId>; 2] {
    [exec.user_identity, own_group(exec)]
}

/// The group's identity if it is not the user's.
fn own_group(exec: &Exec<'_>) -> Option<IdentityId> {
    exec.group_identity.filter(|group| exec.user_identity != Some(*group))
}

impl<'t> Supervisor<'t> {
    /// Holds the numbers that a process of `id` needs.
    pub(super) fn take_numbers(&mut self, id: UnitId, exec: &Exec<'t>) -> Numbers {
        if let Some(user) = exec.user_identity.filter(|_| !self.peek(id).holds_user) {
            match self.take(user) {
                Taken::Number(_) => self.at(id).holds_user = true,
                Taken::Wait => return Numbers::Wait,
                Taken::NoneLeft => return Numbers::NoneLeft,
            }
        }
        if let Some(group) = own_group(exec).filter(|_| !self.peek(id).holds_group) {
            match self.take(group) {
                Taken::Number(_) => self.at(id).holds_group = true,
                Taken::Wait => return Numbers::Wait,
                Taken::NoneLeft => return Numbers::NoneLeft,
            }
        }
        let number = |identity: Option<IdentityId>| identity.and_then(|identity| self.pool.number(identity));
        if identities(exec).iter().flatten().any(|identity| self.pool.is_probed(*identity)) {
            return Numbers::Wait;
        }
        let used =
            |identity: Option<IdentityId>| identity.is_some_and(|identity| self.pool.is_used(identity));
        let fresh = !used(exec.user_identity) && !used(exec.group_identity);
        Numbers::Held { uid: number(exec.user_identity), gid: number(exec.group_identity), fresh }
    }

    /// The process for `slot` is on its way under numbers that may turn out to be unfit.
    pub(super) fn begin_probe(&mut self, id: UnitId, exec: &Exec<'_>, slot: Slot) {
        for identity in identities(exec).into_iter().flatten() {
            if !self.pool.is_used(identity) {
                self.pool.set_probed(identity, true);
                self.at(id).probe = Some(slot);
            }
        }
    }

    /// The process in `slot` has told how it went with its numbers, or will not.
    pub(super) fn end_probe(&mut self, id: UnitId, exec: &Exec<'_>, slot: Slot) {
        let record = self.at(id);
        match slot {
            Slot::Main => record.main_unidentified = false,
            Slot::Control => record.control_unidentified = false,
        }
        if record.probe != Some(slot) {
            return;
        }
        record.probe = None;
        for identity in identities(exec).into_iter().flatten() {
            self.pool.set_probed(identity, false);
        }
        self.look_at_all();
    }

    /// Somebody may have waited for a number.
    pub(super) fn look_at_all(&mut self) {
        for id in self.ids() {
            self.at(id);
        }
    }

    fn take(&mut self, identity: IdentityId) -> Taken {
        match self.table.board().identity(identity) {
            Some(record) => self.pool.take(identity, &record),
            None => Taken::NoneLeft,
        }
    }

    /// The child knows what it runs as. A static user or group wins: a number that nothing of this unit has taken on
    /// goes back at once.
    pub(super) fn identified(&mut self, id: UnitId, service: &Service<'_>, pid: Pid, uid: u32, gid: u32) {
        let command = self.command_of(id, pid);
        let record = self.at(id);
        let slot = if record.main.pid() == Some(pid) {
            (record.uid, record.gid) = (Some(uid), Some(gid));
            Slot::Main
        } else if record.control.pid() == Some(pid) {
            if record.state.is_command(CommandKind::Start) {
                (record.uid, record.gid) = (Some(uid), Some(gid)); // the main process will be its child
            }
            Slot::Control
        } else {
            return;
        };
        self.end_probe(id, &service.exec, slot);
        let line = command.and_then(|(kind, index)| service.commands.of(kind).iter().nth(usize::from(index)));
        if line.is_none_or(|line| line.privilege != Privilege::Restricted) {
            // It runs as root, or may: its directories belong to the numbers all the same.
            return self.mark_numbers_used(id, &service.exec);
        }
        let record = self.peek(id);
        let (holds_user, holds_group) = (record.holds_user, record.holds_group);
        if let Some(user) = service.exec.user_identity.filter(|_| holds_user) {
            self.at(id).holds_user = self.keep_or_give_back(user, uid);
        }
        if let Some(group) = own_group(&service.exec).filter(|_| holds_group) {
            self.at(id).holds_group = self.keep_or_give_back(group, gid);
        }
    }

    /// A process runs as `number` where `identity` was asked for; whether the number of `identity` is still held.
    fn keep_or_give_back(&mut self, identity: IdentityId, number: u32) -> bool {
        if self.pool.number(identity) == Some(number) {
            self.pool.mark_used(identity);
        } else if !self.pool.is_used(identity) && !self.pool.is_leaving(identity) {
            self.pool.give_back(identity);
            return false;
        }
        true
    }

    /// A process of the unit has got as far as to leave something behind.
    pub(super) fn mark_numbers_used(&mut self, id: UnitId, exec: &Exec<'_>) {
        let record = self.peek(id);
        let user = exec.user_identity.filter(|_| record.holds_user);
        let group = own_group(exec).filter(|_| record.holds_group);
        for identity in [user, group].into_iter().flatten() {
            self.pool.mark_used(identity);
        }
    }

    /// Which command the process `pid` of `id` is.
    fn command_of(&self, id: UnitId, pid: Pid) -> Option<(CommandKind, u8)> {
        let record = self.peek(id);
        if record.main.pid() == Some(pid) {
            return Some((CommandKind::Start, record.main_index));
        }
        if let State::Command { kind, index, .. } = record.state
            && record.control.pid() == Some(pid)
        {
            return Some((kind, index));
        }
        None
    }

    /// The child cannot use its number. Its end is not the service's: what comes after it is decided here.
    pub(super) fn unfit(
        &mut self,
        id: UnitId,
        service: &Service<'_>,
        pid: Pid,
        identity: IdentityId,
        suggestion: Option<u32>,
    ) {
        let exec = &service.exec;
        let held = (exec.user_identity == Some(identity) && self.peek(id).holds_user)
            || (own_group(exec) == Some(identity) && self.peek(id).holds_group);
        let alive = self.peek(id).main == Process::Alive(pid) || self.peek(id).control == Process::Alive(pid);
        if !alive {
            return self.report_impossible(
                "a number that does not fit, from a process that is none of the unit's",
                id,
            );
        }
        let record = self.at(id);
        record.unfits = record.unfits.saturating_add(1);
        let asked = record.suggest;
        record.suggest = asked && suggestion.is_none();
        let spent = record.unfits > TRIES_MAX;
        let used = self.pool.is_used(identity);
        let again = match suggestion {
            // Not held: the unit has gone down and left this process behind.
            _ if spent || !held => false,
            // Taken over or declined: either way the next child does not ask again.
            Some(number) => {
                let _declined = !asked || used || !self.pool.exchange_for(identity, number);
                true
            }
            None => !used && self.exchange(identity),
        };
        let record = self.at(id);
        if !again && (record.state.command().is_some() || record.state.is_running()) {
            record.notes.add(Note::NoUidLeft);
        }
        let (process, slot) = if record.main == Process::Alive(pid) {
            (&mut record.main, Slot::Main)
        } else {
            (&mut record.control, Slot::Control)
        };
        *process = Process::Unfit { pid, again };
        self.end_probe(id, exec, slot);
    }

    fn exchange(&mut self, identity: IdentityId) -> bool {
        let board = self.table.board();
        let record = board.identity(identity);
        record.is_some_and(|record| self.pool.exchange(identity, &record))
    }

    /// Whether a janitor has to go before `id` comes to `rest`.
    pub(super) fn needs_cleaning(&self, id: UnitId, service: &Service<'_>, rest: Rest) -> bool {
        let record = self.peek(id);
        let numbers = rest != Rest::Restart && (record.holds_user || record.holds_group);
        let shared = service.exec.private_tmp == PrivateTmp::Connected || service.exec.namespaces.kept;
        let files = !service.exec.credentials.is_empty() || !service.pid_file.is_empty();
        numbers
            || service.per_connection
            || ((service.store_max > 0 || record.given) && self.closes_store(id, service, rest))
            || (record.touched && (shared || files || removes_runtime_directories(&service.exec, rest)))
    }

    /// Whether nothing stays in the unit's store when it comes to `rest`.
    fn closes_store(&self, id: UnitId, service: &Service<'_>, rest: Rest) -> bool {
        match service.store_preserve {
            Preserve::No => true,
            Preserve::Restart => {
                rest != Rest::Restart && self.peek(id).job.is_none_or(|job| job.kind != JobKind::Restart)
            }
            Preserve::Yes => false,
        }
    }

    /// Sends the janitor.
    pub(super) fn due_clean(&mut self, id: UnitId) -> Due {
        let record = self.peek(id);
        let State::Clean { asked: false, then } = record.state else { return Due::Nothing };
        let held = !matches!(then, Rest::Restart | Rest::Closed) && (record.holds_user || record.holds_group);
        if held && (record.main_unidentified || record.control_unidentified) {
            // Nobody kills it (KillMode=none, or nothing can), and it is about to run under the number: only then can
            // the janitor find it.
            return Due::Nothing;
        }
        let unit = self.unit(id);
        self.at(id).state = State::Clean { asked: true, then };
        let service = unit.as_ref().and_then(Unit::service).filter(|_| then != Rest::Closed);
        let Some(service) = service else { return Due::Act(Action::Unwatch { unit: id }) };
        let exec = &service.exec;
        let (mut uid, mut gid) = (None, None);
        if then != Rest::Restart {
            if let Some(user) = exec.user_identity.filter(|_| self.peek(id).holds_user) {
                uid = self.pool.leave(user);
                self.at(id).holds_user = uid.is_some();
            }
            if let Some(group) = own_group(exec).filter(|_| self.peek(id).holds_group) {
                gid = self.pool.leave(group);
                self.at(id).holds_group = gid.is_some();
            }
        }
        let runtime_directories = removes_runtime_directories(exec, then);
        let descriptors = self.closes_store(id, service, then);
        Due::Act(Action::Clean { unit: id, runtime_directories, descriptors, uid, gid })
    }

    /// The janitor of `id` is done: numbers that were cleaned are free, and what could not be cleaned is nobody's.
    #[inline(never)]
    pub(super) fn return_numbers(&mut self, id: UnitId, exec: &Exec<'_>, clean: bool) {
        let user = exec.user_identity;
        let group = own_group(exec);
        if !clean {
            for identity in [user, group].into_iter().flatten() {
                self.pool.taint(identity);
            }
        }
        if let Some(user) = user.filter(|user| self.peek(id).holds_user && self.pool.is_leaving(*user)) {
            self.pool.left(user);
            self.at(id).holds_user = false;
        }
        if let Some(group) = group.filter(|group| self.peek(id).holds_group && self.pool.is_leaving(*group)) {
            self.pool.left(group);
            self.at(id).holds_group = false;
        }
        self.look_at_all();
    }
}

/// Whether the unit's runtime directories go when it comes to `rest`.
fn removes_runtime_directories(exec: &Exec<'_>, rest: Rest) -> bool {
    let removed = match exec.runtime_directory_preserve {
        Preserve::No => true,
        Preserve::Restart => rest != Rest::Restart,
        Preserve::Yes => false,
    };
    removed && exec.directories.iter().any(|one| one.kind == DirectoryKind::Runtime && !one.names.is_empty())
}
