//! What happens by itself in a world, and what PID 1 hears of it.

use tomte::{
    supervisor::{Event, Pid},
    table::{self, IdentityId, UnitId},
    wire::{ExitStatus, Failure},
};

use super::super::{
    judge::Verdict,
    kernel::{Later, SIGKILL, status},
};
use super::World;

impl World<'_> {
    /// The examiner has ended.
    fn examined(&mut self, unit: UnitId, met: Option<bool>) -> Verdict {
        let assert = self.plan.units[unit.index()].conditions[0].assert;
        let verdict = met.map(|met| match (met, assert) {
            (true, _) => table::Verdict::Met,
            (false, false) => table::Verdict::Unmet(0),
            (false, true) => table::Verdict::AssertFailed(0),
        });
        self.judge.examined(unit, met == Some(true));
        self.handle(Event::Examined { unit, verdict })
    }

    pub(super) fn happen(&mut self, later: Later) -> Verdict {
        match later {
            Later::Identify { pid, birth, statics } => self.identify(pid, birth, statics),
            Later::Unfit { pid, birth, identity, suggestion } => {
                let Some(process) = self.kernel.living(pid, birth) else { return Ok(()) };
                process.declined = true;
                let (unit, slot) = (process.unit, process.slot);
                if let Some(slot) = slot {
                    self.judge.unfit(unit, slot);
                }
                self.handle(Event::Unfit { unit, pid: Pid(pid), identity: IdentityId(identity), suggestion })
            }
            Later::StepFails { pid, birth, early } => {
                let Some(process) = self.kernel.living(pid, birth) else { return Ok(()) };
                process.declined = early;
                let (unit, slot) = (process.unit, process.slot.filter(|_| early));
                if let Some(slot) = slot {
                    self.judge.unfit(unit, slot);
                }
                let failure = Failure { step: 3, errno: 2 };
                self.handle(Event::StepFailed { unit, pid: Pid(pid), failure, early })
            }
            Later::Exec { pid, birth } => {
                let Some(process) = self.kernel.living(pid, birth) else { return Ok(()) };
                process.executed = true;
                let unit = process.unit;
                self.handle(Event::Executed { unit, pid: Pid(pid) })
            }
            Later::Say { pid, birth, what } => self.say(pid, birth, what),
            Later::Fork { pid, birth, bomb } => {
                if self.kernel.living(pid, birth).is_some_and(|process| !process.killed) {
                    self.kernel.fork(pid, birth, bomb);
                }
                Ok(())
            }
            Later::OutOfMemory { unit } => {
                self.kernel.run_out_of_memory(UnitId(unit));
                Ok(())
            }
            Later::Exit { pid, birth, way, number } => self.exit(pid, birth, status(way, number)),
            Later::Empty { unit } => {
                let unit = UnitId(unit);
                if self.kernel.of(unit).next().is_some() {
                    return Ok(()); // not true any more
                }
                self.judge.emptied(unit);
                self.handle(Event::Empty { unit })
            }
            Later::Cleaned { unit, clean } => {
                let unit = UnitId(unit);
                self.judge.cleaned(unit, clean);
                self.handle(Event::Cleaned { unit, clean })
            }
            Later::Examined { unit, met } => self.examined(UnitId(unit), met),
            Later::Watched { unit, there } => self.watched(unit, there),
            Later::Readable { unit, turn, there } => self.readable(unit, turn, there),
            Later::Stamped { unit, at } => self.handle(Event::Stamped { unit: UnitId(unit), at }),
            Later::Unwatched { unit } => self.handle(Event::Cleaned { unit: UnitId(unit), clean: true }),
            Later::MountsChanged => self.word_of_mounts(),
            Later::Hand => self.by_hand(),
            Later::Look { program } => self.look(program),
            Later::Surveyed { program } => self.surveyed(program),
            Later::Request => self.request(),
            Later::Turn => self.handle(Event::Deadline),
        }
    }

    fn exit(&mut self, pid: u32, birth: u64, status: ExitStatus) -> Verdict {
        let Some(unit) = self.kernel.living(pid, birth).map(|process| process.unit) else {
            return Ok(());
        };
        let killed = matches!(status, ExitStatus::Killed(SIGKILL));
        if killed && self.kernel.strikes(self.kernel.faults.out_of_memory) {
            self.handle(Event::OomKilled { unit })?;
        }
        let Some(process) = self.kernel.reap(pid, birth) else { return Ok(()) };
        self.may_have_mounted(&process, status);
        if process.slot.is_none() {
            return Ok(());
        }
        self.handle(Event::Exited { unit: process.unit, pid: Pid(pid), status })
    }

    fn identify(&mut self, pid: u32, birth: u64, statics: bool) -> Verdict {
        let Some(process) = self.kernel.living(pid, birth) else { return Ok(()) };
        let (unit, given) = (process.unit, process.given.clone());
        process.took = !statics && !given.is_empty();
        process.declined = statics;
        let ids: Vec<u32> = given.iter().map(|(_, number)| *number).collect();
        let (uid, gid) = match ids[..] {
            _ if statics => (7, 7),
            [] => (0, 0),
            [both] => (both, both),
            [uid, gid, ..] => (uid, gid),
        };
        if !statics {
            self.judge.took(&given)?;
        }
        self.handle(Event::Identified { unit, pid: Pid(pid), uid, gid })
    }
}
