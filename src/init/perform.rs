//! Carrying actions out: one match, one call an arm.

use crate::{
    linux::{self, AsFd, Errno, errno::Text, poll::Interest, spawn::SpawnError},
    supervisor::{Action, Event, Pid, Slot, Spawn, Supervisor, Whom},
    table::{Kind, Table, UnitId},
    wire::Failure,
};

use super::{
    kernel::{Kernel, Token},
    log, plan,
    processes::{Process, Role},
    report, shutdown,
};

impl Kernel {
    /// Does what `action` says. Answers with the event that follows at once, if one does.
    pub(super) fn perform(&mut self, action: Action, supervisor: &Supervisor<'_>) -> Option<Event<'static>> {
        match action {
            Action::Spawn(spawn) => Some(self.spawn(&spawn)),
            Action::Kill { unit, whom, signal } => {
                self.kill(unit, whom, signal);
                None
            }
            Action::Clean { unit, runtime_directories, uid, gid } => {
                self.clean(unit, runtime_directories, uid, gid)
            }
            Action::Reply { client, answer } => {
                let table = self.table;
                let gone = self.control.answer(client, answer, &table, supervisor);
                gone.then_some(Event::ClientGone { client })
            }
            Action::Log(message) => {
                log::report(&self.table, message);
                None
            }
            Action::Report { ended } => match report::start(self, supervisor, ended) {
                Ok(()) => None,
                Err(errno) => {
                    if self.words.report.is_some() {
                        ::log::error!("cannot start writing the report: {}", Text(errno));
                    }
                    Some(Event::Reported)
                }
            },
            Action::Leave(power) => shutdown::leave(self, power),
        }
    }
}
